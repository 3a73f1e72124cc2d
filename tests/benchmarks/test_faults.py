"""A tenth of the harm of ``python -m benchmarks.faults``: whatever goes wrong, good pictures come through or are refused in time."""

from __future__ import annotations

import asyncio

import pytest
from benchmarks.faults.__main__ import run
from benchmarks.faults.cases import CASES

# How long a probe takes is the machine's business too, and this one is busy with other tests.
_BY_THE_CLOCK = "BROKEN /health took"


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_must_hold_holds_after_each_fault(name: str) -> None:
    said = asyncio.run(run(CASES[name], short=True, seed=7))
    assert not [line for line in said if line.startswith("BROKEN") and not line.startswith(_BY_THE_CLOCK)], said
    if name == "overload":
        told = dict(line.split(": ", 1) for line in said if ": " in line)
        assert float(told["quiet caller served"]) >= 0.9 and int(told["refusals"]) > 0
    if name == "terminated":
        assert "exit code: 0" in said

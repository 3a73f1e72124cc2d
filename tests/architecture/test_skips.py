"""A skipped test fails the session where none may be skipped, and says why it was skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two processes"])
@pytest.mark.parametrize(
    ("body", "must_not_skip", "code"),
    [
        ("pytest.skip('no giraffe is installed')", "", 0),
        ("pytest.skip('no giraffe is installed')", "1", 1),
        ("pass", "1", 0),
        ("pytest.xfail('known')", "1", 0),
    ],
)
def test_a_skip_fails_the_session_only_where_it_must_not_be(
    tmp_path: Path, processes: list[str], body: str, must_not_skip: str, code: int
) -> None:
    (tmp_path / "test_one.py").write_text(f"import pytest\n\n\ndef test_one():\n    {body}\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "skips", "-p", "no:cacheprovider", *processes, "test_one.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS), "PIXLEAN_TESTS_MUST_NOT_SKIP": must_not_skip},
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert ("no giraffe is installed" in ran.stdout) == ("giraffe" in body)
    assert ran.stdout.splitlines()[-1].startswith("1 ")

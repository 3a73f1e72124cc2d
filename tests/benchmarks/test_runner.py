"""The processes that measure end with their run, whatever became of them meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from benchmarks.corpus import Case

from benchmarks import runner


def test_a_process_that_ends_as_it_is_killed_spoils_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "a.png"
    picture.touch()
    start = runner._start
    killed: list[int] = []

    async def gone(*_: object) -> runner.Result:
        raise EOFError

    async def starting() -> asyncio.subprocess.Process:
        process = await start()

        def kill() -> None:  # what asyncio says when the process is gone and it has not looked yet
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
            raise ProcessLookupError

        monkeypatch.setattr(process, "kill", kill)
        return process

    monkeypatch.setattr(runner, "_start", starting)
    monkeypatch.setattr(runner, "_ask", gone)

    async def results() -> list[runner.Result]:
        cases = (Case(path=str(picture), group="g", format="png", preset="high"),)
        return [result async for result in runner.run(cases, runner.Plan(jobs=1))]

    (result,) = asyncio.run(results())
    assert result.error is not None and "EOFError" in result.error and killed

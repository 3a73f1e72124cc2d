"""Run cases on several processes, in an order that keeps them busy; results come as they are done."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.corpus import Case
from benchmarks.measure import Result, result_of

_MOST_SECONDS = 600.0
_LINE_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How cases are run."""

    jobs: int = 0
    repeat: int = 1
    seed: int = 0
    against: tuple[str, ...] = ()


async def run(cases: tuple[Case, ...], plan: Plan) -> AsyncIterator[Result]:
    """Results as they come. Leaving the loop ends the processes."""
    queue: asyncio.Queue[Case] = asyncio.Queue()
    # Large files first, so that none is left alone at the end; ties are broken by the seed.
    shuffled = list(cases)
    random.Random(plan.seed).shuffle(shuffled)
    for case in sorted(shuffled, key=lambda case: -Path(case.path).stat().st_size):
        queue.put_nowait(case)
    done: asyncio.Queue[Result] = asyncio.Queue()
    jobs = plan.jobs or os.cpu_count() or 1
    workers = [asyncio.create_task(_work(queue, done, plan)) for _ in range(min(jobs, max(1, len(cases))))]
    try:
        for _ in cases:
            yield await done.get()
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def _work(queue: asyncio.Queue[Case], done: asyncio.Queue[Result], plan: Plan) -> None:
    """One process at a time; a process that dies costs its case, not the run."""
    process: asyncio.subprocess.Process | None = None
    try:
        while not queue.empty():
            case = queue.get_nowait()
            if process is None or process.returncode is not None:
                process = await _start()
            try:
                done.put_nowait(await asyncio.wait_for(_ask(process, case, plan), _MOST_SECONDS))
            except (TimeoutError, EOFError, ConnectionError, ValueError) as error:
                _kill(process)
                await _stop(process)
                process = None
                facts = {"path": case.path, "group": case.group, "format": case.format, "preset": case.preset}
                done.put_nowait(Result(**facts, error=f"the measuring process ended: {type(error).__name__}"))
    finally:
        if process is not None:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """An idle process ends with its input; one at work is killed."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 0.5)
    except TimeoutError:
        _kill(process)
        await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself, and asyncio not have seen it yet
        process.kill()


async def _start() -> asyncio.subprocess.Process:
    # One thread a process: several run side by side, and times must be those of one core.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "VIPS_CONCURRENCY": "1", "RAYON_NUM_THREADS": "1"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=environment, limit=_LINE_BYTES, cwd=Path(__file__).parents[1],
    )  # fmt: skip


async def _ask(process: asyncio.subprocess.Process, case: Case, plan: Plan) -> Result:
    assert process.stdin is not None and process.stdout is not None
    resolved = {**asdict(case), "path": str(Path(case.path).resolve())}
    asked = {"case": resolved, "repeat": plan.repeat, "against": plan.against}
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        raise EOFError
    return result_of(json.loads(line))

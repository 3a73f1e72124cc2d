"""``python -m benchmarks.faults NAME|all [--short] [--seed N]``: each case beside good clients, and what must hold after it.

Good pictures fail only as 503 with ``Retry-After`` (or, where the server itself ends, without an answer), and the very same
succeed afterwards; ``/health`` answers within 100 ms (p99); descriptors, children and memory are what they were, and
nobody is left unburied; the log has no traceback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile

from benchmarks.faults.cases import CASES, Case, World
from benchmarks.faults.client import Record, ask, session_of, watching
from benchmarks.faults.processes import Holdings, holdings
from benchmarks.serving import Server

_BURIAL_LOOKS = 30
_HEALTH_SECONDS = 0.1
_FURTHER_DESCRIPTORS, _FURTHER_MB = 12, 60


def main(words: list[str] | None = None) -> int:
    """The command; the exit code is 1 where something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("case", choices=[*CASES, "all"])
    parser.add_argument("--short", action="store_true", help="a tenth of the harm")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    broken = 0
    for name in CASES if asked.case == "all" else [asked.case]:
        said = asyncio.run(run(CASES[name], short=asked.short, seed=asked.seed))
        faults = [line for line in said if line.startswith("BROKEN")]
        print(f"{name}: {'ok' if not faults else f'{len(faults)} broken'}", *said, sep="\n  ", flush=True)
        broken += len(faults)
    return 1 if broken else 0


async def run(case: Case, *, short: bool, seed: int) -> list[str]:
    """What was seen of one case, a line each; those of what did not hold begin with ``BROKEN``."""
    with tempfile.TemporaryFile() as log:
        server = Server(stderr=log, CACHE_MAX_MB="0", **case.settings)
        record = Record()
        world = World(server=server, short=short, random=random.Random(seed), record=record)
        try:
            await _warm(server, case)
            before = holdings(server.process.pid)
            good = (
                watching(lambda: server.url, case.per_second, record) if case.per_second else contextlib.nullcontext()
            )
            async with good:
                await asyncio.sleep(1.0)
                await case.harm(world)
                await asyncio.sleep(1.0)
            await asyncio.sleep(5 if short else 10)
            said = [*_told(world), *await _judged(world, case, before)]
        finally:
            server.stop()
        log.seek(0)
        text = log.read().decode("utf-8", "replace")
        if "Traceback" in text:
            said.append(f"BROKEN the log has a traceback: {text[text.index('Traceback') :][:300]!r}")
        return said


async def _warm(server: Server, case: Case) -> None:
    async with session_of() as session:
        if case.per_second:
            await asyncio.gather(*(ask(session, server.url, 9 * 10**6 + number) for number in range(4)))
    await asyncio.sleep(1.0)


def _told(world: World) -> list[str]:
    record, lines = world.record, [f"{name}: {value}" for name, value in world.told.items()]
    if record.answers:
        counts: dict[int, int] = {}
        for each in record.answers:
            counts[each.status] = counts.get(each.status, 0) + 1
        lines.append(
            f"good client: {dict(sorted(counts.items()))}, slowest {max(e.seconds for e in record.answers):.2f} s"
        )
    if record.probes:
        lines.append(f"/health p99: {1000 * _p99(record.probes):.0f} ms of {len(record.probes)} probes")
    return lines


async def _settled(server: int) -> Holdings:
    """What the server holds; who ended this very moment may take a few of them until it is buried."""
    for _ in range(_BURIAL_LOOKS):
        if not (found := holdings(server)).zombies:
            break
        await asyncio.sleep(0.1)
    return found


async def _judged(world: World, case: Case, before: Holdings) -> list[str]:
    record, broken = world.record, []
    failed = [each for each in record.answers if not each.is_good]
    for each in failed:
        refused = case.refuses and each.status == 503 and each.has_retry_after
        if not refused and not (case.cuts and each.status in (0, 503)):
            broken.append(f"BROKEN a good picture got {each.status} after {each.seconds:.1f} s")
    async with session_of() as session:
        again = [await ask(session, world.server.url, each.number) for each in failed]
    broken += [f"BROKEN the same picture gets {each.status} afterwards" for each in again if not each.is_good]
    if record.probes and not case.restarts and _p99(record.probes) > _HEALTH_SECONDS:
        broken.append(f"BROKEN /health took {1000 * _p99(record.probes):.0f} ms at p99")
    after = await _settled(world.server.process.pid)
    if after.zombies:
        broken.append(f"BROKEN {after.zombies} processes are dead and unburied")
    if not case.restarts:
        if after.descriptors > before.descriptors + _FURTHER_DESCRIPTORS:
            broken.append(f"BROKEN descriptors: {before.descriptors} before, {after.descriptors} after")
        if after.memory_mb > before.memory_mb + _FURTHER_MB:
            broken.append(f"BROKEN memory: {before.memory_mb:.0f} MB before, {after.memory_mb:.0f} after")
        if after.children < before.children:
            broken.append(f"BROKEN encoding processes: {before.children} before, {after.children} after")
    return broken


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


if __name__ == "__main__":
    sys.exit(main())

"""A batch: every object of one place compressed into another, each once, whatever is killed on the way.

What was done stands in a ledger beside the results: small objects of JSON lines, written every few seconds. A run that
goes on reads them all and leaves out what is there. An object at work when a run was killed is done again: the same
bytes get the same name.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import msgspec

from pixlean.domain.bulk import Line, Picking, renamed
from pixlean.domain.errors import InvalidRequest, PixleanError
from pixlean.domain.formats import FORMATS
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.sandbox.pool import Pool
from pixlean.storage.depot import Depot, Item, carried

LEDGER = ".pixlean"
SECONDS_A_PICTURE = 120.0
# A kill costs at most what was done since the last part of the ledger.
_LINES_A_PART, _SECONDS_A_PART = 500, 2.0
# Objects that are read ahead while others are encoded.
_AHEAD = 4


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """What is done: from where, to where, with which objects, by which recipe, under which name."""

    source: Depot
    target: Depot
    picking: Picking
    recipe: Recipe
    run: str
    slots: int = 1

    @property
    def ledger(self) -> str:
        """Where the ledger lies."""
        return f"{LEDGER}/{self.run}/"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Ray cluster: ``address`` of one that runs, ``None`` for this machine; ``workers`` ``None`` is one a core.

    A worker takes ``chunk_objects`` at a time. Large ones make a run's end uneven, small ones cost messages.
    """

    address: str | None = None
    workers: int | None = None
    chunk_objects: int = 100


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What there is to do, of what is picked."""

    objects: int = 0
    bytes: int = 0
    done: int = 0


async def lines_of(bulk: Bulk, part: str = "") -> AsyncIterator[Line]:
    """All that the ledger, or one part of it, says, in the order in which it was written."""
    parts = [item.key async for item in bulk.target.items(f"{bulk.ledger}{part}")]
    for key in sorted(parts, key=lambda key: key.rpartition("/")[2]):
        for text in (await bulk.target.read(key)).data.splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                yield msgspec.json.decode(text, type=Line)


async def done_before(bulk: Bulk) -> dict[str, str]:
    """The ETags of what an earlier run of this name did in this shard, by key; what failed is not among them."""
    shard = bulk.picking.shard
    return {line.key: line.etag async for line in lines_of(bulk) if not line.error and shard.has(line.key)}


async def picked(bulk: Bulk) -> AsyncIterator[Item]:
    """The objects that the run is about, in the order of their place."""
    async for item in bulk.source.items():
        if not item.key.startswith(f"{LEDGER}/") and bulk.picking.takes(item.key, item.size_bytes, item.written_at):
            yield item


async def count(bulk: Bulk, done: dict[str, str]) -> Counted:
    """How much there is, and how much of it was done before."""
    counted = Counted()
    async for item in picked(bulk):
        counted = replace(
            counted,
            objects=counted.objects + 1,
            bytes=counted.bytes + item.size_bytes,
            done=counted.done + (done.get(item.key) == item.etag),
        )
    return counted


async def left(bulk: Bulk, done: dict[str, str]) -> AsyncIterator[Item]:
    """What is picked and was not done before, or has changed since."""
    async for item in picked(bulk):
        if done.get(item.key) != item.etag:
            yield item


async def run(bulk: Bulk, pool: Pool, items: AsyncIterator[Item], told: Callable[[Line], None], part: str = "") -> None:
    """Do the items, each once; a line for each, told and written down in the ledger's ``part``. One that fails ends
    nothing.

    Raises ``SourceFailed`` where the place can't be listed, and ``DeliveryFailed`` where the ledger can't be written.
    """
    room, encoding = asyncio.Semaphore(bulk.slots + _AHEAD), asyncio.Semaphore(bulk.slots)
    ledger = _Ledger(bulk, part)
    try:
        async with asyncio.TaskGroup() as tasks:

            async def one(item: Item) -> None:
                try:
                    line = await _done(bulk, pool, item, encoding)
                    told(line)
                    await ledger.add(line)
                finally:
                    room.release()

            async for item in items:
                await room.acquire()  # no more in memory than are at work or next
                tasks.create_task(one(item))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group
    finally:
        await asyncio.shield(ledger.close())  # what was done is written down, also where somebody stops the run


async def _done(bulk: Bulk, pool: Pool, item: Item, encoding: asyncio.Semaphore) -> Line:
    started = time.perf_counter()
    line = Line(key=item.key, etag=item.etag, before_bytes=item.size_bytes)
    try:
        body = await bulk.source.read(item.key)
        with MemoryFile("bulk") as file:
            file.write_all(body.data)
            async with encoding:  # the pool itself takes whatever comes
                outcome = await pool.compress(file, bulk.recipe, Limits())
        report = outcome.report
        target = renamed(item.key, report.format, report.source_format)
        headers = carried(body.headers, FORMATS[report.format].media_type)
        written = await bulk.target.write(target, outcome.data, headers)
        if (bulk.target.place, target) == (bulk.source.place, item.key):
            line = replace(line, etag=written)  # what lies there now is the result: it needs no more work
    except PixleanError as error:
        return replace(line, error=error.message, seconds=time.perf_counter() - started)
    return replace(
        line, before_bytes=len(body.data), target=target, after_bytes=report.size_bytes, method=report.method,
        score=report.score, seconds=time.perf_counter() - started,
    )  # fmt: skip


class _Ledger:
    """Lines on their way into parts: each part is an object of its own, since objects don't grow."""

    def __init__(self, bulk: Bulk, part: str) -> None:
        self._bulk = bulk
        self._folder = f"{bulk.ledger}{part}"
        self._lines: list[Line] = []
        self._began = time.monotonic()
        self._writing = asyncio.Lock()

    async def add(self, line: Line) -> None:
        """Keep a line; what waits is written once it is enough, or old."""
        self._lines.append(line)
        if len(self._lines) >= _LINES_A_PART or time.monotonic() - self._began > _SECONDS_A_PART:
            await self._write()

    async def close(self) -> None:
        """Write what is left."""
        await self._write()

    async def _write(self) -> None:
        async with self._writing:
            lines, self._lines, self._began = self._lines, [], time.monotonic()
            if lines:
                data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
                await self._bulk.target.write(f"{self._folder}{time.time_ns()}-{uuid.uuid4().hex[:8]}.ndjson", data)


def check_places(source: Depot, target: Depot, *, in_place: bool) -> None:
    """Raise ``InvalidRequest`` where results would go over their sources, or among them."""
    if in_place:
        return
    ours, theirs = f"{target.place}/", f"{source.place}/"
    if ours.startswith(theirs) or theirs.startswith(ours):
        raise InvalidRequest("SRC and DST lie in each other: results would go over or among the originals")

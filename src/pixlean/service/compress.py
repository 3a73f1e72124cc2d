"""Compress one uploaded picture: a place in the queue, a child, an answer."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, replace

from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.outbound.fetch import Fetcher
from pixlean.sandbox.pool import Pool, Work
from pixlean.sandbox.wire import memory_file
from pixlean.service.gate import Gate


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What a caller gets: the work and the size it began with; ``seconds`` has the wait too."""

    work: Work
    original_bytes: int

    @property
    def reduction_percent(self) -> float:
        """How much smaller, in per cent."""
        return 100.0 * (1 - len(self.work.data) / self.original_bytes) if self.original_bytes else 0.0


class Compress:
    """The use case; built once by the wiring. A slow origin holds a fetch slot, never a place in the queue."""

    def __init__(self, pool: Pool, gate: Gate, fetcher: Fetcher, slots: int, limits: Limits) -> None:
        self._fetcher = fetcher
        self._pool = pool
        self.gate = gate
        self._slots = asyncio.Semaphore(slots)
        self._limits = limits

    async def __call__(self, given: int, recipe: Recipe) -> Compressed:
        """Compress the picture in the file ``given``. Raises what the gate and the pool raise."""
        started = time.perf_counter()
        with self.gate.enter():
            async with self._slots:
                waited = time.perf_counter() - started
                work = await self._pool.compress(given, recipe, self._limits)
        seconds = {"queue": waited, **work.seconds}
        return Compressed(work=replace(work, seconds=seconds), original_bytes=os.fstat(given).st_size)

    async def from_url(self, url: str, recipe: Recipe) -> Compressed:
        """Fetch a picture and compress it. Raises what the fetcher raises as well."""
        started = time.perf_counter()
        file = memory_file("fetched")
        try:
            if not await self._fetcher.fetch(url, file):
                raise BadImage("the URL leads to an empty file", code=ErrorCode.UNSUPPORTED_FORMAT)
            fetched = time.perf_counter() - started
            done = await self(file, recipe)
        finally:
            os.close(file)
        return replace(done, work=replace(done.work, seconds={"fetch": fetched, **done.work.seconds}))

"""Compress one picture: from the cache, or by a child."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass, field, replace

import msgspec

from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.formats import Format, detect
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.domain.version import VERSION
from pixlean.sandbox.pool import Work
from pixlean.sandbox.wire import read_all
from pixlean.service.inputs import Input, Origin, opened
from pixlean.service.workshop import Workshop
from pixlean.storage.cache import Entry, ResultCache

_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What a caller gets: the work, the size it began with, and where the time went."""

    work: Work
    original_bytes: int
    from_cache: bool | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def reduction_percent(self) -> float:
        """How much smaller, in per cent."""
        return 100.0 * (1 - len(self.work.data) / self.original_bytes) if self.original_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a dialect allows one picture; ``None`` is what the server allows.

    ``seconds`` count where they are fewer than the server's; ``inputs`` are the formats that are taken. A
    ``patient`` picture waits for a slot however many wait, where others are refused.
    """

    limits: Limits | None = None
    seconds: float | None = None
    inputs: frozenset[Format] | None = None
    most_side_px: int | None = None
    patient: bool = False


class Compress:
    """The use case; built once by the wiring. Twins that come at the same time share one child."""

    def __init__(self, workshop: Workshop, cache: ResultCache | None = None) -> None:
        self._workshop = workshop
        self._cache = cache
        self._running: dict[str, asyncio.Task[Compressed]] = {}
        self.hits = 0
        self.misses = 0

    async def __call__(self, origin: Origin, recipe: Recipe, terms: Terms | None = None) -> Compressed:
        """Compress a picture, on the server's terms or stricter ones. Raises what fetcher, gate and pool raise."""
        async with opened(origin, self._workshop.fetcher) as given:
            terms = terms or Terms()
            check_input(given, terms)
            limits = terms.limits or self._workshop.limits
            if terms.most_side_px is not None:
                limits = replace(limits, max_side_px=terms.most_side_px)
            done = await self._compressed(given, recipe, replace(terms, limits=limits))
        return replace(done, seconds={**given.seconds, **done.seconds})

    async def _compressed(self, given: Input, recipe: Recipe, terms: Terms) -> Compressed:
        if self._cache is None:
            return await self._made(given, recipe, terms)
        started = time.perf_counter()
        key = _key(read_all(given.file, given.size_bytes), recipe, terms)
        found = await asyncio.to_thread(self._cache.get, key)
        if found is not None:
            self.hits += 1
            work = replace(msgspec.json.decode(found.notes, type=Work), data=found.data)
            seconds = {"cache": time.perf_counter() - started}
            return Compressed(work=work, original_bytes=given.size_bytes, from_cache=True, seconds=seconds)
        while key in self._running:
            twin = self._running[key]
            await asyncio.wait({twin})
            if not twin.cancelled():  # else its client went away, and this request takes its place
                self.hits += 1
                return replace(twin.result(), from_cache=True)
        self.misses += 1
        task = asyncio.ensure_future(self._made_and_kept(key, given, recipe, terms))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return await task  # a cancelled request cancels its task

    async def _made_and_kept(self, key: str, given: Input, recipe: Recipe, terms: Terms) -> Compressed:
        assert self._cache is not None
        done = await self._made(given, recipe, terms)
        work = done.work
        notes = msgspec.json.encode(replace(work, data=b"", seconds={}))
        await asyncio.to_thread(self._cache.put, key, Entry(notes=notes, data=work.data))
        return replace(done, from_cache=False)

    async def _made(self, given: Input, recipe: Recipe, terms: Terms) -> Compressed:
        limits = terms.limits or self._workshop.limits
        async with self._workshop.place(patient=terms.patient) as waited:
            work = await self._workshop.pool.compress(given.file, recipe, limits, seconds=terms.seconds)
        return Compressed(work=work, original_bytes=given.size_bytes, seconds={"queue": waited, **work.seconds})


def check_input(given: Input, terms: Terms) -> None:
    """Refuse bytes of a format that is not taken, by their head. Raises ``BadImage`` (``unsupported_format``)."""
    if terms.inputs is not None and detect(os.pread(given.file, _HEAD_BYTES, 0)) not in terms.inputs:
        names = ", ".join(sorted(terms.inputs - {Format.APNG}))
        raise BadImage(f"the file is none of these: {names}", code=ErrorCode.UNSUPPORTED_FORMAT)


def _key(data: bytes, recipe: Recipe, terms: Terms) -> str:
    """The same bytes, recipe, limits and version give the same result."""
    digest = hashlib.blake2b(data, digest_size=32)
    digest.update(msgspec.json.encode((recipe, terms.limits)))
    digest.update(VERSION.encode())
    return digest.hexdigest()

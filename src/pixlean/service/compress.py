"""Compress one picture: from the cache, or by a child."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from pixlean.domain.errors import BadImage, EngineFailed, ErrorCode, Unavailable
from pixlean.domain.formats import Format, detect, still_of
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome, Report
from pixlean.domain.share import tenant
from pixlean.domain.version import VERSION
from pixlean.service.inputs import Input, Origin, opened
from pixlean.service.workshop import Workshop
from pixlean.storage.cache import Entry, ResultCache

_HEAD_BYTES = 1 << 16
# Above this a digest takes longer than a hop to a thread and back.
_MOST_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Compressed:
    """What a caller gets: the outcome, whether it was there already, and where the whole time went."""

    outcome: Outcome
    from_cache: bool | None = None
    seconds: dict[str, float] = field(default_factory=dict)


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


class Twins(Protocol):
    """Who knows what other processes of this server work on."""

    def alone(
        self, key: str, waiting: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> contextlib.AbstractAsyncContextManager[bool]:
        """Work on a key that no other process works on; yields whether one did until now.

        Who has to wait for that does it within ``waiting``, which may refuse.
        """


class _NoTwins:
    @contextlib.asynccontextmanager
    async def alone(self, key: str, waiting: object) -> AsyncIterator[bool]:  # noqa: ARG002 - every key is its own
        yield False


@dataclass(frozen=True, kw_only=True)
class _Running:
    """Work that twins wait for, and how long it may take (``None``: as long as the server allows)."""

    task: asyncio.Task[Compressed]
    seconds: float | None

    def decides(self, terms: Terms) -> bool:
        """Whether its end is that of a twin on these terms too; else the twin takes its place.

        A client that went away, a queue that was full and a time that was shorter are one request's own; so is the
        death of a child, which the same picture may survive.
        """
        if self.task.cancelled():
            return False
        error = self.task.exception()
        if isinstance(error, EngineFailed) and error.code is ErrorCode.TIMEOUT:
            return (terms.seconds or math.inf) <= (self.seconds or math.inf)
        died = isinstance(error, EngineFailed) and error.code is ErrorCode.CHILD_DIED
        return not died and not isinstance(error, Unavailable)


class Compress:
    """The use case; built once by the wiring. Twins that come at the same time share one child."""

    def __init__(self, workshop: Workshop, cache: ResultCache | None = None, twins: Twins | None = None) -> None:
        self._workshop = workshop
        self._cache = cache
        self._twins = twins or _NoTwins()
        self._running: dict[str, _Running] = {}
        self.hits = 0
        self.misses = 0

    async def __call__(self, origin: Origin, recipe: Recipe, terms: Terms | None = None) -> Compressed:
        """Compress a picture, on the server's terms or stricter ones. Raises what fetcher, gate and pool raise."""
        async with opened(origin, self._workshop.fetcher) as picture:
            terms = terms or Terms()
            check_input(picture, terms)
            limits = self._workshop.limits
            if terms.limits is not None:
                limits = limits.with_pixels_of(terms.limits)
            if terms.most_side_px is not None:
                limits = replace(limits, max_side_px=terms.most_side_px)
            compressed = await self._known_or_new(picture, recipe, replace(terms, limits=limits))
        return replace(compressed, seconds={**picture.seconds, **compressed.seconds})

    async def keep(self, picture: Input, recipe: Recipe, outcome: Outcome) -> None:
        """Keep a result that was made on the server's terms for whoever asks for it next."""
        if self._cache is None:
            return
        terms = Terms(limits=self._workshop.limits)
        key = await asyncio.to_thread(_key, picture.file, recipe, terms, tenant())
        await asyncio.to_thread(self._cache.put, key, Entry(notes=notes_of(outcome.report), data=outcome.data))

    async def _known_or_new(self, picture: Input, recipe: Recipe, terms: Terms) -> Compressed:
        if self._cache is None:
            return await self._new(picture, recipe, terms)
        started = time.perf_counter()
        if picture.file.size_bytes > _MOST_HASHED_AT_ONCE:
            key = await asyncio.to_thread(_key, picture.file, recipe, terms, tenant())
        else:
            key = _key(picture.file, recipe, terms, tenant())
        outcome = _noted(await asyncio.to_thread(self._cache.get, key))
        if outcome is not None:
            self.hits += 1
            return Compressed(outcome=outcome, from_cache=True, seconds={"cache": time.perf_counter() - started})
        while key in self._running:
            twin = self._running[key]
            with self._waiting(terms):
                await asyncio.wait({twin.task})
            if twin.decides(terms):
                self.hits += 1
                return replace(twin.task.result(), from_cache=True)
        task = asyncio.ensure_future(self._new_and_kept(self._cache, key, picture, recipe, terms))
        self._running[key] = _Running(task=task, seconds=terms.seconds)
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return await task  # a cancelled request cancels its task

    def _waiting(self, terms: Terms) -> contextlib.AbstractContextManager[None]:
        """Who waits for a twin holds an upload as everybody who waits does, and takes a place in the queue."""
        return contextlib.nullcontext() if terms.patient else self._workshop.gate.enter()

    async def _new_and_kept(
        self, cache: ResultCache, key: str, picture: Input, recipe: Recipe, terms: Terms
    ) -> Compressed:
        async with self._twins.alone(key, lambda: self._waiting(terms)) as another_did:
            known = _noted(await asyncio.to_thread(cache.get, key)) if another_did else None
            if known is not None:
                self.hits += 1
                return Compressed(outcome=known, from_cache=True)
            self.misses += 1
            compressed = await self._new(picture, recipe, terms)
            outcome = compressed.outcome
            await asyncio.to_thread(cache.put, key, Entry(notes=notes_of(outcome.report), data=outcome.data))
        return replace(compressed, from_cache=False)

    async def _new(self, picture: Input, recipe: Recipe, terms: Terms) -> Compressed:
        limits = terms.limits or self._workshop.limits
        async with self._workshop.place(patient=terms.patient) as waited:
            outcome = await self._workshop.pool.compress(
                picture.file, recipe, limits, seconds=terms.seconds, tenant=tenant()
            )
        return Compressed(outcome=outcome, seconds={"queue": waited, **outcome.report.seconds})


def check_input(picture: Input, terms: Terms) -> None:
    """Refuse bytes of a format that is not taken, by their head. Raises ``BadImage`` (``unsupported_format``)."""
    if terms.inputs is not None and detect(picture.file.read_head(_HEAD_BYTES)) not in terms.inputs:
        names = ", ".join(sorted({still_of(name) for name in terms.inputs}))
        raise BadImage(f"the file is none of these: {names}", code=ErrorCode.UNSUPPORTED_FORMAT)


def notes_of(report: Report) -> bytes:
    """A report as it is kept beside its bytes: without its seconds, which were those of one request."""
    return msgspec.json.encode(replace(report, seconds={}))


def report_of(notes: bytes) -> Report | None:
    """The report of notes; ``None`` where another version wrote them."""
    try:
        return msgspec.json.decode(notes, type=Report)
    except msgspec.DecodeError:
        return None


def _noted(entry: Entry | None) -> Outcome | None:
    if entry is None:
        return None
    report = report_of(entry.notes)
    return None if report is None else Outcome(data=entry.data, report=report)


def _key(file: MemoryFile, recipe: Recipe, terms: Terms, owner_id: str) -> str:
    """The same bytes, recipe, limits and version give the same result; to each tenant its own.

    Else a result's being there, or the time it takes, would tell one tenant what another one has sent.
    """
    digest = hashlib.blake2b(file.read_all(), digest_size=32)
    digest.update(msgspec.json.encode((recipe, terms.limits, owner_id)))
    digest.update(VERSION.encode())
    return digest.hexdigest()

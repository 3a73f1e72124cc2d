"""Show a picture of the operator's by its place: kept, made once for all who ask at the same time, or as it is."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from pixlean.domain.edits import Edits
from pixlean.domain.errors import (
    EngineFailed,
    ErrorCode,
    NotThere,
    PixleanError,
    SourceFailed,
    SourceMissing,
    Unavailable,
)
from pixlean.domain.formats import FORMATS, Format, detect
from pixlean.domain.lifetime import NOT_KEPT, Lifetime, read
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.place import Address, Place, Shelf
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Report
from pixlean.domain.version import VERSION
from pixlean.outbound.fetch import Fetcher
from pixlean.service.compress import Compress, Terms
from pixlean.service.inputs import Upload
from pixlean.storage.cache import Entry, ResultCache
from pixlean.storage.shelves import ShelfReader

# Kept in memory as well: what is asked for all the time is answered without a look at the disk.
_MOST_AT_HAND_BYTES = 16 << 20
_MOST_HANDY_BYTES = 256 << 10


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where pictures lie, how long answers live, and how many seconds one may take.

    ``lifetime`` is what the operator decided; ``None`` is the origin's, or ``usual`` where that says nothing.
    """

    shelves: tuple[Shelf, ...] = ()
    lifetime: Lifetime | None = None
    usual: Lifetime = field(default_factory=Lifetime)
    seconds: float = 20.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A picture, and how it is wanted; what is ``None`` is decided by the server.

    ``may_be_original`` where the source may go out in its full size when the result can't be made in time. Sources in
    formats that are to stay ``untouched`` go out byte for byte, with whatever they tell of their owner. Where
    ``keeps_drawings``, what is drawn goes out as a drawing, cleaned and without edits. ``version`` is any word that
    tells a picture from what lay at its place before.
    """

    place: Place | Address
    recipe: Recipe
    limits: Limits | None = None
    most_bytes: int | None = None
    may_be_original: bool = False
    untouched: tuple[Format, ...] = ()
    keeps_drawings: bool = False
    version: str = ""

    @property
    def key(self) -> str:
        """What tells its answer from all others; how long that lives is decided when it is made."""
        told = (self.limits, self.most_bytes, self.may_be_original, self.untouched, self.keeps_drawings, self.version)
        asked = (self.place, self.recipe, told, VERSION)
        return hashlib.blake2b(msgspec.json.encode(asked), digest_size=32).hexdigest()


class State(StrEnum):
    """How an answer came to be. STALE is a kept one that is too old, ORIGINAL the file as it is."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    ORIGINAL = "original"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An answer. ``why`` names the fault for which an ORIGINAL goes out; ``report`` is that of what was made."""

    data: bytes = field(repr=False)
    format: Format
    etag: str
    lifetime: Lifetime
    age_seconds: int = 0
    state: State = State.MISS
    report: Report | None = None
    why: ErrorCode | None = None


@dataclass(frozen=True, kw_only=True)
class _Notes:
    """What is kept beside a picture's bytes; ``made_at`` in seconds since 1970."""

    etag: str
    lifetime: Lifetime
    made_at: float
    report: Report


@dataclass(frozen=True)
class _Kept:
    notes: _Notes
    data: bytes

    def shown(self, state: State, now: float) -> Shown:
        notes = self.notes
        return Shown(
            data=self.data, format=notes.report.format, etag=notes.etag, lifetime=notes.lifetime,
            age_seconds=max(0, int(now - notes.made_at)), state=state, report=notes.report,
        )  # fmt: skip


class Pictures:
    """The use case; built once by the wiring."""

    def __init__(
        self,
        settings: Settings,
        compress: Compress,
        fetcher: Fetcher,
        reader: ShelfReader,
        cache: ResultCache | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._compress = compress
        self._fetcher = fetcher
        self._reader = reader
        self._cache = cache
        self._clock = clock
        self._shelves = {shelf.name: shelf for shelf in settings.shelves}
        self._running: dict[str, asyncio.Task[Shown]] = {}
        self._at_hand: dict[str, _Kept] = {}  # the last one asked for is the last one
        self._at_hand_bytes = 0

    def place(self, name: str, path: str) -> Place:
        """A picture on the shelf of this name. Raises ``NotThere`` for a shelf that nobody named."""
        if name not in self._shelves:
            raise NotThere(f"there is no source called '{name[:40]}'")
        return Place(shelf=self._shelves[name], path=path)

    async def __call__(self, wish: Wish) -> Shown:
        """The picture, made as the recipe says, or kept from before.

        Where the queue is full or the time is over, the original goes out without its metadata, if it may be shown
        without edits and needs no decoder for that. Raises ``SourceMissing``, and what fetching and compressing raise.
        """
        key, now = wish.key, self._clock()
        kept = await self._kept(key, now)
        if kept is not None:
            late = now - kept.notes.made_at - kept.notes.lifetime.seconds
            if late < 0:
                return kept.shown(State.HIT, now)
            if late < kept.notes.lifetime.stale_seconds:
                self._started(key, wish)
                return kept.shown(State.STALE, now)
        try:
            # Shielded: who goes away does not end what others wait for.
            return await asyncio.shield(self._started(key, wish))
        except PixleanError as error:
            # An old picture is better than none; one that its origin has taken away is not shown.
            if kept is None or isinstance(error, SourceMissing) or not isinstance(error, SourceFailed | Unavailable):
                raise
            return kept.shown(State.STALE, now)

    @asynccontextmanager
    async def opened(
        self, place: Place | Address, most_bytes: int | None = None
    ) -> AsyncIterator[tuple[MemoryFile, Lifetime]]:
        """The file at a place, fetched, and how long what is told of it holds. Raises as above."""
        with self._fetcher.new_file() as file:
            told = await self._fetched(place, file, most_bytes)
            yield file, self._lifetime(told)

    def _lifetime(self, told: str) -> Lifetime:
        return self._settings.lifetime or read(told) or self._settings.usual

    def _started(self, key: str, wish: Wish) -> asyncio.Task[Shown]:
        """The one task that makes a picture, however many ask for it."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(self._made(key, wish))
            self._running[key] = task
            task.add_done_callback(lambda ended: self._ended(key, ended))
        return task

    def _ended(self, key: str, task: asyncio.Task[Shown]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            task.exception()  # nobody may be left who looks at it

    async def _made(self, key: str, wish: Wish) -> Shown:
        with self._fetcher.new_file() as file:
            told = await self._fetched(wish.place, file, wish.most_bytes)
            lifetime = self._lifetime(told)
            if wish.untouched:
                data = await asyncio.to_thread(file.read_all)
                form = detect(data)
                if form in wish.untouched:
                    return Shown(data=data, format=form, etag=_etag(data), lifetime=lifetime)
            recipe = await asyncio.to_thread(_recipe, wish, file)
            terms = Terms(seconds=self._settings.seconds, limits=wish.limits)
            try:
                compressed = await self._compress(Upload(file), recipe, terms)
            except (Unavailable, EngineFailed) as error:
                original = await asyncio.to_thread(_original, file, error) if _may_go_out(wish, error) else None
                if original is None:
                    raise
                return original
        outcome, now = compressed.outcome, self._clock()
        report = replace(outcome.report, seconds={})
        notes = _Notes(etag=_etag(outcome.data), lifetime=lifetime, made_at=now, report=report)
        kept = _Kept(notes, outcome.data)
        if lifetime.is_kept and lifetime.seconds + lifetime.stale_seconds:
            self._keep_at_hand(key, kept)
            if self._cache is not None:
                await asyncio.to_thread(
                    self._cache.put, key, Entry(notes=msgspec.json.encode(notes), data=outcome.data)
                )
        return kept.shown(State.MISS, now)

    async def _fetched(self, place: Place | Address, file: MemoryFile, most_bytes: int | None) -> str:
        """Fetch a picture into an empty file and return its ``Cache-Control``."""
        if isinstance(place, Place) and not place.shelf.is_web:
            return await self._reader.read(place, file, most_bytes)
        url, within = (
            (place.shelf.address(place.path), (place.shelf.url,))
            if isinstance(place, Place)
            else (place.url, place.within)
        )
        return (await self._fetcher.fetch_within(within, url, file, most_bytes)).cache_control

    async def _kept(self, key: str, now: float) -> _Kept | None:
        at_hand = self._at_hand.pop(key, None)
        if at_hand is not None:
            self._at_hand[key] = at_hand
            if now < at_hand.notes.made_at + at_hand.notes.lifetime.seconds:
                return at_hand
        # Another process of this server may have made a newer one.
        entry = None if self._cache is None else await asyncio.to_thread(self._cache.get, key)
        if entry is None:
            return at_hand
        try:
            kept = _Kept(msgspec.json.decode(entry.notes, type=_Notes), entry.data)
        except msgspec.DecodeError:  # of another version
            return at_hand
        self._keep_at_hand(key, kept)
        return kept

    async def aclose(self) -> None:
        """Leave what is being made for nobody any more."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep_at_hand(self, key: str, kept: _Kept) -> None:
        self._forget(key)
        if len(kept.data) > _MOST_HANDY_BYTES:
            return
        self._at_hand[key] = kept
        self._at_hand_bytes += len(kept.data)
        while self._at_hand_bytes > _MOST_AT_HAND_BYTES:
            self._forget(next(iter(self._at_hand)))

    def _forget(self, key: str) -> None:
        before = self._at_hand.pop(key, None)
        if before is not None:
            self._at_hand_bytes -= len(before.data)


def _recipe(wish: Wish, file: MemoryFile) -> Recipe:
    """The recipe for what came: a drawing has any size, so that one that stays needs no edits."""
    form = detect(file.read_all()) if wish.keeps_drawings else None
    return replace(wish.recipe, outputs=(form,), edits=Edits()) if form and FORMATS[form].vector else wish.recipe


def _may_go_out(wish: Wish, error: PixleanError) -> bool:
    """Whether the original may stand for the result: other edits than a resize may hide what it shows."""
    late = error.code in (ErrorCode.OVERLOADED, ErrorCode.TIMEOUT)
    edits = wish.recipe.edits
    return wish.may_be_original and late and edits == Edits(resize=edits.resize)


def _original(file: MemoryFile, error: PixleanError) -> Shown | None:
    data = file.read_all()
    form = detect(data)
    bare = FORMATS[form].bare if form is not None else None
    shown = bare(data) if bare is not None else None
    if form is None or shown is None:
        return None
    return Shown(
        data=shown, format=form, etag=_etag(shown), lifetime=NOT_KEPT, state=State.ORIGINAL, why=error.code
    )  # fmt: skip


def _etag(data: bytes) -> str:
    return f'"{hashlib.blake2b(data, digest_size=16).hexdigest()}"'

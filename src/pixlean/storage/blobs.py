"""This server's own objects: inputs and results that outlive a request, in a folder or in a bucket of the operator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, NotFoundError
from obstore.store import LocalStore

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.storage.buckets import Stores, opened
from pixlean.storage.cache import OwnTotal, Total

_log = logging.getLogger(__name__)
_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)+")
_DELETED_AT_ONCE = 500
# Of the quota: beyond it the oldest results go.
_FULL = 0.9
# Of the disk, for the database and for others who share it.
_KEPT_FREE = 0.05
_MOST_KEPT_FREE_BYTES = 256 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``url`` is ``s3://bucket/prefix`` or ``gs://bucket/prefix``; empty for the folder.

    ``s3_endpoint`` and ``gcs_emulator`` replace the public services. With ``signs_links`` clients are sent to the
    bucket itself for results.
    """

    folder: Path
    url: str = ""
    s3_endpoint: str = ""
    gcs_emulator: str = ""
    timeout_seconds: float = 30.0
    most_bytes: int = 0
    signs_links: bool = False


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object without its bytes."""

    key: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True, kw_only=True)
class Blob:
    """An object's bytes, and when they were written."""

    data: bytes
    written_at: datetime


class Blobs:
    """Objects by keys of our own making: letters, digits, ``_``, ``-`` and ``.``, parted by slashes.

    Every method raises ``Unavailable`` (``store_lost``) where the store does not answer or is full.
    """

    def __init__(self, settings: Settings, stored: Total | None = None) -> None:
        self._settings = settings
        self._opened: Any = None
        self._stored = stored or OwnTotal()  # as far as this server knows: measured now and then, and written since

    async def put(
        self, key: str, data: bytes, *, lasting: bool = False, headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Write an object, whole or not at all; a ``lasting`` one survives a power cut from then on.

        A bucket gives it out with ``headers``: ``Content-Type``, ``Content-Disposition``, ``Cache-Control``.
        """
        self._check_room(len(data))
        async with self._guarded():
            try:
                attributes = dict(headers) if self._settings.url else {}
                await obstore.put_async(self._store(), _checked(key), data, attributes=attributes)
            except GenericError as error:
                # Emulators of Google's store leave out the ETag that the library asks for after it has written.
                if not (self._settings.gcs_emulator and "MissingEtag" in str(error)):
                    raise
            self._stored.add(len(data))
            if lasting and not self._settings.url:
                await asyncio.to_thread(_synced, self._settings.folder, self._settings.folder / key)

    async def get(self, key: str) -> Blob | None:
        """An object, or ``None`` where there is none."""
        async with self._guarded():
            try:
                found = await obstore.get_async(self._store(), _checked(key))
                return Blob(data=bytes(await found.bytes_async()), written_at=found.meta["last_modified"])
            except (NotFoundError, FileNotFoundError):
                return None
        raise AssertionError  # for the type checker: the guard swallows nothing

    async def link(self, key: str, seconds: float) -> str | None:
        """A URL of the bucket's own that gives out an object without a key, or ``None`` where this server has to."""
        if not self._settings.signs_links:
            return None
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await obstore.sign_async(self._store(), "GET", _checked(key), timedelta(seconds=seconds))
        except (BaseError, OSError, TimeoutError) as error:  # as where the credentials may read, but not sign
            _log.warning("the bucket of STORAGE_URL signs no links, this server gives out results: %s", type(error))
            return None

    async def delete(self, *keys: str) -> None:
        """Delete objects; those that are not there are no error."""
        async with self._guarded():
            for at in range(0, len(keys), _DELETED_AT_ONCE):
                part = [_checked(key) for key in keys[at : at + _DELETED_AT_ONCE]]
                for key in part:
                    with contextlib.suppress(NotFoundError, FileNotFoundError):
                        await obstore.delete_async(self._store(), key)

    async def below(self, prefix: str) -> tuple[str, ...]:
        """All keys below a prefix."""
        return await self.older_than(prefix, datetime.max.replace(tzinfo=UTC))

    async def older_than(self, prefix: str, moment: datetime) -> tuple[str, ...]:
        """The keys below a prefix that were written before a moment."""
        found: list[str] = []
        async with self._guarded(seconds=10 * self._settings.timeout_seconds):
            async for batch in obstore.list(self._store(), prefix=prefix):
                found += [entry["path"] for entry in batch if entry["last_modified"] < moment]
        return tuple(found)

    async def measure(self, prefixes: tuple[str, ...]) -> tuple[Stored, ...]:
        """All objects below some prefixes, the oldest first; what ``put`` may still write is counted from here on."""
        found: list[Stored] = []
        async with self._guarded(seconds=10 * self._settings.timeout_seconds):
            for prefix in prefixes:
                async for batch in obstore.list(self._store(), prefix=prefix):
                    found += [
                        Stored(key=one["path"], size_bytes=one["size"], written_at=one["last_modified"])
                        for one in batch
                    ]
        self._stored.correct(sum(each.size_bytes for each in found))
        return tuple(sorted(found, key=lambda each: each.written_at))

    @property
    def excess_bytes(self) -> int:
        """What is to go until there is room again."""
        most = self._settings.most_bytes
        stored = self._stored.value
        return stored - int(most * _FULL) if most and stored > most * _FULL else 0

    def _check_room(self, size_bytes: int) -> None:
        """Raise ``Unavailable`` where the quota is used up, or the disk is nearly full: others need the rest of it."""
        most = self._settings.most_bytes
        full = bool(most) and self._stored.value + size_bytes > most
        if not full and not self._settings.url:
            with contextlib.suppress(OSError):
                disk = shutil.disk_usage(self._settings.folder)
                full = disk.free - size_bytes < min(disk.total * _KEPT_FREE, _MOST_KEPT_FREE_BYTES)
        if full:
            raise Unavailable("the store of results is full", code=ErrorCode.STORE_LOST, facts={"retry_after": 30})

    @contextlib.asynccontextmanager
    async def _guarded(self, seconds: float | None = None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds or self._settings.timeout_seconds):
                yield
        except (BaseError, AlreadyExistsError, OSError, TimeoutError) as error:
            raise Unavailable(
                "the store of results does not answer, or is full", code=ErrorCode.STORE_LOST, facts={"retry_after": 5}
            ) from error

    def _store(self) -> Any:
        """The store, opened when it is first needed: a bucket that is away does not keep a server from starting."""
        if self._opened is None:
            self._opened = _open(self._settings)
        return self._opened


def _open(settings: Settings) -> Any:
    if not settings.url:
        return LocalStore(settings.folder, mkdir=True, automatic_cleanup=True)
    return opened(
        settings.url,
        Stores(
            s3_endpoint=settings.s3_endpoint,
            gcs_emulator=settings.gcs_emulator,
            timeout_seconds=settings.timeout_seconds,
        ),
    )


def _synced(top: Path, file: Path) -> None:
    """Write a file and the folders above it through to the disk."""
    for place in (file, *(parent for parent in file.parents if parent == top or top in parent.parents)):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _checked(key: str) -> str:
    """Keys are made here, never by a client; this is the last net."""
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"no key: {key!r}")
    return key

"""This server's own objects: inputs and results that outlive a request, in a folder or in a bucket of the operator."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError, NotFoundError
from obstore.store import LocalStore, from_url

from pixlean.domain.errors import ErrorCode, Unavailable

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)+")
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_DELETED_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``url`` is ``s3://bucket/prefix`` or ``gs://bucket/prefix``; empty for the folder.

    ``s3_endpoint`` and ``gcs_emulator`` replace the public services.
    """

    folder: Path
    url: str = ""
    s3_endpoint: str = ""
    gcs_emulator: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Blob:
    """An object's bytes, and when they were written."""

    data: bytes
    written_at: datetime


class Blobs:
    """Objects by keys of our own making: letters, digits, ``_``, ``-`` and ``.``, parted by slashes.

    Every method raises ``Unavailable`` (``store_lost``) where the store does not answer or is full.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: Any = None

    async def put(self, key: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        async with self._guarded():
            try:
                await obstore.put_async(self._store(), _checked(key), data)
            except GenericError as error:
                # Emulators of Google's store leave out the ETag that the library asks for after it has written.
                if not (self._settings.gcs_emulator and "MissingEtag" in str(error)):
                    raise

    async def get(self, key: str) -> Blob | None:
        """An object, or ``None`` where there is none."""
        async with self._guarded():
            try:
                found = await obstore.get_async(self._store(), _checked(key))
                return Blob(data=bytes(await found.bytes_async()), written_at=found.meta["last_modified"])
            except (NotFoundError, FileNotFoundError):
                return None
        raise AssertionError  # for the type checker: the guard swallows nothing

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
    options: dict[str, Any] = {"timeout": timedelta(seconds=settings.timeout_seconds)}
    more: dict[str, Any] = {}
    if settings.url.startswith("s3://") and settings.s3_endpoint:
        options["allow_http"] = True
        more = {"endpoint": settings.s3_endpoint, "virtual_hosted_style_request": False}
    if settings.url.startswith("gs://") and settings.gcs_emulator:
        options["allow_http"] = True
        more = {"config": {"base_url": settings.gcs_emulator, "bearer_token": "emulator"}}
    return from_url(settings.url, client_options=options, retry_config=_RETRIES, **more)  # type: ignore[call-overload]


def _checked(key: str) -> str:
    """Keys are made here, never by a client; this is the last net."""
    if not _KEY.fullmatch(key) or ".." in key:
        raise ValueError(f"no key: {key!r}")
    return key

"""Objects of a folder or a bucket, listed, read and written by their keys: what a batch goes from and to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore

from pixlean.domain.errors import DeliveryFailed, ErrorCode, SourceFailed, SourceMissing
from pixlean.storage.buckets import Stores, opened

# A store that throttles is waited for: each retry waits twice as long as the one before.
_RETRIES: dict[str, Any] = {"max_retries": 10, "retry_timeout": timedelta(minutes=5)}
_SECONDS = 300.0
# What a store keeps with an object and a result keeps of its source; the type is the result's own.
_KEPT = ("Cache-Control", "Content-Disposition", "Content-Language")


@dataclass(frozen=True, kw_only=True)
class Item:
    """An object as a list tells of it; ``etag`` changes when its bytes do."""

    key: str
    size_bytes: int
    etag: str
    written_at: datetime


@dataclass(frozen=True, kw_only=True)
class Body:
    """An object's bytes, with what its store keeps with them."""

    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Depot:
    """A folder, or ``s3://``, ``gs://`` and ``az://`` with a prefix, with the credentials of the environment.

    ``s3_endpoint`` replaces Amazon's service. Everything raises ``SourceFailed`` or ``DeliveryFailed``, in words that
    name the cause.
    """

    def __init__(self, place: str, s3_endpoint: str = "") -> None:
        self.place = place.rstrip("/") if "://" in place else str(Path(place).resolve())
        self.is_folder = "://" not in place
        self._s3_endpoint = s3_endpoint
        self._opened: Any = None

    def __reduce__(self) -> tuple[type[Depot], tuple[str, str]]:
        """Another process opens the place anew."""
        return Depot, (self.place, self._s3_endpoint)

    async def items(self, prefix: str = "") -> AsyncIterator[Item]:
        """All objects, in the store's order, a page at a time: the same each time as long as nothing changes."""
        if self.is_folder and not prefix and not await asyncio.to_thread(Path(self.place).is_dir):
            raise SourceFailed(f"there is no folder {self.place}")
        try:
            async for page in obstore.list(self._store(), prefix=prefix or None):
                for one in page:
                    yield Item(
                        key=one["path"], size_bytes=one["size"], etag=one["e_tag"] or str(one["last_modified"]),
                        written_at=one["last_modified"],
                    )  # fmt: skip
        except (BaseError, OSError) as error:
            raise SourceFailed(f"{self.place} can't be listed: {_cause(error)}") from error

    async def read(self, key: str) -> Body:
        """An object, whole."""
        try:
            async with asyncio.timeout(_SECONDS):
                found = await obstore.get_async(self._store(), key)
                return Body(data=bytes(await found.bytes_async()), headers=dict(found.attributes))
        except (NotFoundError, FileNotFoundError) as error:
            raise SourceMissing(f"{key} is gone") from error
        except (BaseError, OSError, TimeoutError) as error:
            raise SourceFailed(f"{key} can't be read: {_cause(error)}") from error

    async def write(self, key: str, data: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> str:
        """Write an object whole or not at all, and return its ETag; folders keep no headers."""
        try:
            async with asyncio.timeout(_SECONDS):
                attributes = {} if self.is_folder else dict(headers)
                written = await obstore.put_async(self._store(), key, data, attributes=attributes)
                return written["e_tag"] or ""
        except (BaseError, OSError, TimeoutError) as error:
            raise DeliveryFailed(f"{key} can't be written: {_cause(error)}") from error

    def _store(self) -> Any:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> Any:
        if self.is_folder:
            return LocalStore(self.place, mkdir=True)
        stores = Stores(s3_endpoint=self._s3_endpoint, timeout_seconds=_SECONDS)
        try:
            return opened(self.place, stores, _RETRIES)
        except (BaseError, ValueError) as error:
            raise SourceFailed(f"{self.place} is no place that can be opened", code=ErrorCode.SOURCE_FAILED) from error


def carried(headers: Mapping[str, str], media_type: str) -> dict[str, str]:
    """What a result's object says: its own type, and of its source's headers what still holds."""
    own = {name: value for name, value in headers.items() if name in _KEPT or name.islower()}
    return {**own, "Content-Type": media_type}


def _cause(error: Exception) -> str:
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "the store refuses these credentials"
    if isinstance(error, TimeoutError):
        return f"it took more than {_SECONDS:g} s"
    if isinstance(error, OSError):
        return error.strerror or "it is not to be read"
    return "the store does not answer, or refuses"

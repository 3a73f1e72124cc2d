"""Read the operator's own pictures out of a bucket or a folder."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError

from pixlean.domain.delivery import normal_path
from pixlean.domain.errors import ErrorCode, InvalidRequest, LimitExceeded, SourceFailed, SourceMissing
from pixlean.domain.memory import MemoryFile
from pixlean.domain.place import Place, Shelf
from pixlean.storage.buckets import Stores, opened

_CHUNK_BYTES = 1 << 20


class ShelfReader:
    """Reads files and objects below shelves; each bucket is opened once, when it is first asked."""

    def __init__(self, stores: Stores, most_bytes: int) -> None:
        self._stores = stores
        self._most_bytes = most_bytes
        self._opened: dict[str, Any] = {}

    async def read(self, place: Place, into: MemoryFile, most_bytes: int | None = None) -> str:
        """Read a picture into an empty file and return its ``Cache-Control`` where the store keeps one.

        Raises ``SourceMissing``, ``SourceFailed`` and ``LimitExceeded``; what a store said is no part of a message.
        """
        shelf, path = place.shelf, place.path
        most = min(most_bytes or self._most_bytes, self._most_bytes)
        try:
            async with asyncio.timeout(self._stores.timeout_seconds):
                if shelf.folder is not None:
                    await asyncio.to_thread(_read_file, Path(shelf.folder).resolve(), path, into, most)
                    return ""
                return await self._read_object(shelf, path, into, most)
        except (NotFoundError, FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise SourceMissing("there is no such picture") from error
        except (BaseError, OSError, TimeoutError, ValueError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
                raise SourceMissing("there is no such picture") from error
            raise SourceFailed("the place where the picture lies can't be read") from error

    async def _read_object(self, shelf: Shelf, path: str, into: MemoryFile, most: int) -> str:
        if shelf.url not in self._opened:
            self._opened[shelf.url] = opened(shelf.url, self._stores)
        found = await obstore.get_async(self._opened[shelf.url], path)
        _check(found.meta["size"], most)
        into.expect(found.meta["size"])
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            _check(into.size_bytes + len(chunk), most)
            into.append(bytes(chunk))
        return str(found.attributes.get("Cache-Control", ""))


class BucketSources:
    """Pictures by ``s3://bucket/key`` and ``gs://bucket/key``, of buckets that the operator allows to be read."""

    def __init__(self, reader: ShelfReader, allowed: tuple[str, ...]) -> None:
        self._reader = reader
        self._shelves = tuple(Shelf(name="allowed", url=url) for url in allowed)

    def takes(self, url: str) -> bool:
        """Whether a URL is one of a bucket."""
        return url.startswith(("s3://", "gs://"))

    async def fetch(self, url: str, into: MemoryFile, most_bytes: int) -> int:
        """Read an object into an empty file and return its size; raises what reading a shelf raises.

        ``SourceFailed`` (``source_blocked``) where it lies in no bucket, or below no prefix, that is allowed.
        """
        for shelf in self._shelves:
            if url.startswith(shelf.url):
                try:
                    path = normal_path(url.removeprefix(shelf.url), "url")
                except InvalidRequest as error:
                    raise SourceFailed(error.message, code=ErrorCode.SOURCE_BLOCKED) from error
                await self._reader.read(Place(shelf=shelf, path=path), into, most_bytes)
                return into.size_bytes
        raise SourceFailed("this server does not read that bucket", code=ErrorCode.SOURCE_BLOCKED)


def _read_file(folder: Path, path: str, into: MemoryFile, most: int) -> None:
    real = (folder / path).resolve(strict=True)
    if not real.is_relative_to(folder):  # a link that leads out of the folder shows nothing
        raise FileNotFoundError
    # A pipe would be waited for: it is opened without waiting, and then seen to be none of ours.
    descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise FileNotFoundError
        _check(facts.st_size, most)
        into.expect(facts.st_size)
        while chunk := file.read(_CHUNK_BYTES):
            _check(into.size_bytes + len(chunk), most)
            into.append(chunk)


def _check(size_bytes: int, most: int) -> None:
    if size_bytes > most:
        raise LimitExceeded(
            f"the file is larger than the limit of {most} bytes",
            code=ErrorCode.BODY_TOO_LARGE,
            facts={"file_size": size_bytes, "limit": most},
        )

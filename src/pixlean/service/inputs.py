"""Where a picture comes from: an upload that is there already, or a URL that must be fetched first."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.outbound.fetch import Fetcher
from pixlean.sandbox.wire import memory_file


@dataclass(frozen=True)
class Upload:
    """An open file that its owner closes."""

    file: int


@dataclass(frozen=True)
class Link:
    """A URL; ``most_bytes`` where fewer are taken than the fetcher allows."""

    url: str
    most_bytes: int | None = None


Origin = Upload | Link


@dataclass(frozen=True, kw_only=True)
class Input:
    """A picture's bytes in an open file, and what getting them took."""

    file: int
    size_bytes: int
    seconds: dict[str, float]


@contextlib.asynccontextmanager
async def opened(origin: Origin, fetcher: Fetcher) -> AsyncIterator[Input]:
    """The picture of an origin, fetched where it must be; raises what the fetcher raises, ``BadImage`` where empty."""
    if isinstance(origin, Upload):
        yield Input(file=origin.file, size_bytes=os.fstat(origin.file).st_size, seconds={})
        return
    started = time.perf_counter()
    file = memory_file("fetched")
    try:
        size_bytes = await fetcher.fetch(origin.url, file, most_bytes=origin.most_bytes)
        if not size_bytes:
            raise BadImage("the URL leads to an empty file", code=ErrorCode.UNSUPPORTED_FORMAT)
        yield Input(file=file, size_bytes=size_bytes, seconds={"fetch": time.perf_counter() - started})
    finally:
        os.close(file)

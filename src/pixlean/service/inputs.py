"""Where a picture comes from: an upload that is there already, or a URL that must be fetched first."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.memory import MemoryFile
from pixlean.outbound.fetch import Fetcher


@dataclass(frozen=True)
class Upload:
    """A file that is there already; its owner closes it."""

    file: MemoryFile


@dataclass(frozen=True)
class Link:
    """A URL; ``most_bytes`` where fewer are taken than the fetcher allows."""

    url: str
    most_bytes: int | None = None


Origin = Upload | Link


@dataclass(frozen=True, kw_only=True)
class Input:
    """A picture's bytes in a file, and what getting them took."""

    file: MemoryFile
    seconds: dict[str, float] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def opened(origin: Origin, fetcher: Fetcher) -> AsyncIterator[Input]:
    """The picture of an origin, fetched where it must be; raises what the fetcher raises, ``BadImage`` where empty."""
    if isinstance(origin, Upload):
        yield Input(file=origin.file)
        return
    started = time.perf_counter()
    with fetcher.new_file() as file:
        if not await fetcher.fetch(origin.url, file, most_bytes=origin.most_bytes):
            raise BadImage("the URL leads to an empty file", code=ErrorCode.UNSUPPORTED_FORMAT)
        yield Input(file=file, seconds={"fetch": time.perf_counter() - started})

"""The library for asyncio: the functions of ``pixlean`` in a thread, and a ``Pool`` of confined child processes."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import Unpack

import pixlean
from pixlean import Data
from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.report import Outcome
from pixlean.domain.words import FormatWord, More, recipe_of

__all__ = ["Pool", "compress", "estimate", "info", "score"]


async def compress(
    data: Data,
    *,
    quality: int = 80,
    format: FormatWord | None = None,  # noqa: A002 - the word of the command line and of HTTP
    max_width: int | None = None,
    max_height: int | None = None,
    target_bytes: int | None = None,
    min_score: float | None = None,
    strip_metadata: bool = True,
    **more: Unpack[More],
) -> Outcome:
    """``pixlean.compress`` in a thread of this process; the loop goes on meanwhile."""
    return await asyncio.to_thread(
        lambda: pixlean.compress(
            data, quality=quality, format=format, max_width=max_width, max_height=max_height,
            target_bytes=target_bytes, min_score=min_score, strip_metadata=strip_metadata, **more,
        )
    )  # fmt: skip


async def estimate(
    data: Data,
    *,
    quality: int = 80,
    format: FormatWord | None = None,  # noqa: A002 - the word of the command line and of HTTP
    max_width: int | None = None,
    max_height: int | None = None,
    target_bytes: int | None = None,
    min_score: float | None = None,
    strip_metadata: bool = True,
    **more: Unpack[More],
) -> Estimate:
    """``pixlean.estimate`` in a thread of this process."""
    return await asyncio.to_thread(
        lambda: pixlean.estimate(
            data, quality=quality, format=format, max_width=max_width, max_height=max_height,
            target_bytes=target_bytes, min_score=min_score, strip_metadata=strip_metadata, **more,
        )
    )  # fmt: skip


async def score(original: Data, other: Data) -> float:
    """``pixlean.score`` in a thread of this process."""
    return await asyncio.to_thread(pixlean.score, original, other)


async def info(data: Data) -> Facts:
    """``pixlean.info`` in a thread of this process."""
    return await asyncio.to_thread(pixlean.info, data)


class Pool:
    """Child processes without network and files, with bounded memory and time, for pictures of strangers.

    ``workers`` pictures at a time (``None``: one a core), ``seconds`` for each. Use it as an async context manager.
    """

    def __init__(self, *, workers: int | None = None, seconds: float = 60.0) -> None:
        from pixlean.sandbox.pool import Pool as Children
        from pixlean.sandbox.pool import Settings

        if workers is not None and workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        if seconds <= 0:
            raise ValueError(f"seconds must be more than 0, not {seconds}")
        self.workers = workers or os.cpu_count() or 1
        self._children = Children(Settings(slots=self.workers, timeout_seconds=seconds))
        self._gate = asyncio.Semaphore(self.workers)

    def __repr__(self) -> str:
        return f"<pixlean.aio.Pool of {self.workers}>"

    async def __aenter__(self) -> Pool:
        try:
            await self._children.start()
        except BaseException:
            await self._children.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._children.stop()

    async def compress(
        self,
        data: Data,
        *,
        quality: int = 80,
        format: FormatWord | None = None,  # noqa: A002 - the word of the command line and of HTTP
        max_width: int | None = None,
        max_height: int | None = None,
        target_bytes: int | None = None,
        min_score: float | None = None,
        strip_metadata: bool = True,
        **more: Unpack[More],
    ) -> Outcome:
        """``pixlean.compress`` in a child."""
        recipe = recipe_of(
            more, quality=quality, format=format, max_width=max_width, max_height=max_height,
            target_bytes=target_bytes, min_score=min_score, strip_metadata=strip_metadata,
        )  # fmt: skip
        async with self._gate:
            with MemoryFile("picture") as file:
                file.write_all(pixlean.bytes_of(data))
                return await self._children.compress(file, recipe, Limits())

    async def info(self, data: Data) -> Facts:
        """``pixlean.info`` in a child."""
        async with self._gate:
            with MemoryFile("picture") as file:
                file.write_all(pixlean.bytes_of(data))
                return await self._children.inspect(file, Limits())

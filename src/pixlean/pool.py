"""``pixlean.Pool``: the sandbox for programs that do not use asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator
from types import TracebackType
from typing import TypeVar, Unpack

from pixlean import Data, aio
from pixlean.domain.facts import Facts
from pixlean.domain.report import Outcome
from pixlean.domain.words import FormatWord, More

_Answer = TypeVar("_Answer")


class Pool:
    """Child processes without network and files, with bounded memory and time, for pictures of strangers.

    ``workers`` pictures at a time (``None``: one a core), ``seconds`` for each. Use it as a context manager; its
    methods may be called from any thread.
    """

    def __init__(self, *, workers: int | None = None, seconds: float = 60.0) -> None:
        self._children = aio.Pool(workers=workers, seconds=seconds)
        # The children end with the thread that started them: it lives as long as the pool.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pixlean-pool", daemon=True)

    def __repr__(self) -> str:
        return f"<pixlean.Pool of {self._children.workers}>"

    def __enter__(self) -> Pool:
        self._thread.start()
        try:
            self._wait(self._children.__aenter__())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait(self._children.__aexit__(kind, error, trace))
        finally:
            self._end()

    def compress(
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
        return self._wait(
            self._children.compress(
                data, quality=quality, format=format, max_width=max_width, max_height=max_height,
                target_bytes=target_bytes, min_score=min_score, strip_metadata=strip_metadata, **more,
            )
        )  # fmt: skip

    def map(self, pictures: Iterable[Data], *, quality: int = 80, **more: Unpack[More]) -> Iterator[Outcome]:
        """Many pictures side by side; the outcomes in their order, each as soon as it is there."""
        futures = [
            asyncio.run_coroutine_threadsafe(self._children.compress(data, quality=quality, **more), self._loop)
            for data in pictures
        ]
        for future in futures:
            yield future.result()

    def info(self, data: Data) -> Facts:
        """``pixlean.info`` in a child."""
        return self._wait(self._children.info(data))

    def _wait(self, work: Coroutine[object, object, _Answer]) -> _Answer:
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("the pool is not open: use it as a context manager")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

"""Backpressure: so many requests may work or wait; the next one is refused at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from pixlean.domain.errors import ErrorCode, Unavailable


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``slots`` requests encode at a time, ``depth`` more may wait."""

    slots: int
    depth: int


class Gate:
    """Counts the requests inside; one per server process."""

    def __init__(self, settings: Settings) -> None:
        self._most = settings.slots + settings.depth
        self._inside = 0
        self.draining = False

    @property
    def inside(self) -> int:
        """Requests that work or wait now."""
        return self._inside

    def check(self) -> None:
        """Raise ``Unavailable`` where no place is free: asked before a body is read."""
        if self.draining:
            raise Unavailable("the server is shutting down", code=ErrorCode.SHUTTING_DOWN, facts={"retry_after": 5})
        if self._inside >= self._most:
            raise Unavailable("the compression queue is full", facts={"retry_after": 1, "queue_depth": self._inside})

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place while working. Raises ``Unavailable`` where none is free."""
        self.check()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

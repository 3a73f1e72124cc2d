"""Backpressure: so many requests may work or wait; the next one is refused at once.

Where ``turns`` are given, one of a caller who has less waiting takes the place of one of the greediest caller.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.domain.places import OwnPlaces, Places
from pixlean.domain.share import owner
from pixlean.domain.turns import Turns


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``slots`` requests encode at a time, ``depth`` more may wait."""

    slots: int
    depth: int


class Gate:
    """Keeps the number of requests inside below a bound, over all processes of a server.

    ``turns`` are those of this process: who makes way is one of its own callers.
    """

    def __init__(self, settings: Settings, turns: Turns | None = None, places: Places | None = None) -> None:
        self._turns = turns
        self._most = settings.slots + settings.depth
        self._places = places or OwnPlaces()
        self.draining = False

    @property
    def inside(self) -> int:
        """Requests that work or wait now."""
        return self._places.used

    def check(self) -> None:
        """Raise ``Unavailable`` where no place is free: asked before a body is read."""
        if self.draining:
            raise Unavailable("the server is shutting down", code=ErrorCode.SHUTTING_DOWN, facts={"retry_after": 5})
        if self.inside >= self._most and not (self._turns and self._turns.has_more_than(owner())):
            raise self._full()

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place while working. Raises ``Unavailable`` where none is free."""
        self.check()
        if not self._places.take(self._most):  # another process may have taken the last one since
            if self._turns is None or not self._turns.make_way(owner()):
                raise self._full()
            # Whoever it is leaves with the next turn of the loop: for so long there is one too many.
            self._places.take(sys.maxsize)
        try:
            yield
        finally:
            self._places.give()

    def _full(self) -> Unavailable:
        return Unavailable("the compression queue is full", facts={"retry_after": 1, "queue_depth": self.inside})

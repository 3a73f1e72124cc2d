"""One deadline for everything that ends: requests, jobs, children and connections share it, nobody waits twice."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

# What is told to stop stops before it is cut: the last is for a process that hangs in spite of it.
SECONDS = 28.0
_CUT_AFTER_SECONDS = 32.0
_log = logging.getLogger("pixlean")


class Ending:
    """The end of a process, from the first signal on. ``begin`` may be called by a signal's handler, more than once."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._over_at: float | None = None
        self._to_tell: list[Callable[[], object]] = []

    def tell(self, listener: Callable[[], object]) -> None:
        """Call this when the end begins; it must not block, and may run between any two steps."""
        self._to_tell.append(listener)

    def begin(self) -> None:
        """Start the clock, and tell everybody."""
        if self._over_at is not None:
            return
        self._over_at = time.monotonic() + self._seconds
        cut = threading.Timer(_CUT_AFTER_SECONDS, _cut)
        cut.daemon = True
        cut.start()
        for listener in self._to_tell:
            listener()

    def seconds_left(self) -> float:
        """What is left of the time; all of it where the end begins now."""
        self._over_at = self._over_at or time.monotonic() + self._seconds
        return max(0.0, self._over_at - time.monotonic())


def _cut() -> None:
    """Jobs are handed out again when their lease is over, and children end with their parent."""
    _log.error("something did not end in time: the process is cut")
    os._exit(0)

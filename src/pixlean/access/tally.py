"""Requests of the last minute, counted over several processes of one machine: sliding windows in a small SQLite file.

Nothing in it is worth keeping beyond a minute, so it is never waited for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from limits import RateLimitItem

_PATIENCE_SECONDS = 1.0


class Stats(NamedTuple):
    """When the window has room again, in seconds since 1970, and how much it has."""

    reset_time: float
    remaining: int


class Tally:
    """Satisfies ``rate.Window``. A hit is a row of a few dozen bytes and takes a tenth of a millisecond."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._connection = sqlite3.connect(file, timeout=_PATIENCE_SECONDS, isolation_level=None)
        for words in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE IF NOT EXISTS hits (caller TEXT, at REAL, ends REAL)",
            "CREATE INDEX IF NOT EXISTS by_caller ON hits (caller, at)",
            "CREATE INDEX IF NOT EXISTS by_end ON hits (ends)",
        ):
            self._connection.execute(words)

    async def hit(self, item: RateLimitItem, *identifiers: str) -> bool:
        """Count one request, unless the window is full."""
        key, now = item.key_for(*identifiers), self._clock()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # locked for long, by a process that stands still: open, as without Redis
            return True
        try:
            self._connection.execute("DELETE FROM hits WHERE ends <= ?", (now,))
            fits = self._count(key) < item.amount
            if fits:
                self._connection.execute("INSERT INTO hits VALUES (?, ?, ?)", (key, now, now + item.get_expiry()))
        finally:
            self._connection.execute("COMMIT")
        return fits

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> Stats:
        """How a caller stands; the oldest request of the window says when there is room again."""
        key, now = item.key_for(*identifiers), self._clock()
        asked = "SELECT COUNT(*), MIN(ends) FROM hits WHERE caller = ? AND ends > ?"
        count, end = self._connection.execute(asked, (key, now)).fetchone()
        return Stats(end if count else now + item.get_expiry(), max(0, item.amount - count))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _count(self, key: str) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM hits WHERE caller = ?", (key,)).fetchone()[0])

"""The same picture asked for in two processes at the same time: the second one waits for the first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from pixlean.share.board import Cell, Seat


class BoardTwins:
    """What each process works on stands on the board, by a part of its key."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._board = seat.board
        self._changed = asyncio.Event()
        seat.on_ring.append(self._wake)

    @contextlib.asynccontextmanager
    async def alone(
        self, key: str, waiting: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    ) -> AsyncIterator[bool]:
        """Work on a key that no other process works on; yields whether one did until now.

        Who has to wait for that does it within ``waiting``, which may refuse.
        Where more is at work than the board has room for, the work is done twice.
        """
        mark = int(key[:15], 16) + 1  # 60 bits, never 0
        cell = self._begin(mark)
        waited = cell is None
        if cell is None:
            with waiting():
                while cell is None:
                    await self._another_look()
                    cell = self._begin(mark)
        try:
            yield waited
        finally:
            self._end(cell)

    def _begin(self, mark: int) -> int | None:
        """The cell that now says so, 0 where there is no room; ``None`` where another process works on it."""
        with self._board.locked():
            for row in range(self._board.rows):
                if row != self._seat.row and mark in self._board.running(row):
                    return None
            own = self._board.running(self._seat.row)
            if 0 not in own:
                return 0
            cell = Cell.TWINS + own.index(0)
            self._board.write(self._seat.row, cell, mark)
            return cell

    def _end(self, cell: int) -> None:
        if cell:
            with self._board.locked():
                self._board.write(self._seat.row, cell, 0)
        for row, waiting in enumerate(self._board.column(Cell.TWINS_WAITING)):
            if waiting and row != self._seat.row:
                self._board.ring(row)

    async def _another_look(self) -> None:
        changed = self._changed
        with self._board.locked():
            self._seat.add(Cell.TWINS_WAITING, 1)
        try:
            # Rings are not lost; but what ended between the two looks rang before this one waited.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await changed.wait()
        finally:
            with self._board.locked():
                self._seat.add(Cell.TWINS_WAITING, -1)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

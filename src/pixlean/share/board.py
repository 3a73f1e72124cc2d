"""A table in shared memory with a row for each serving process: what a process holds stands in its own row.

So what a killed process held is told from what the others hold, and is free again when its row is cleared. Nothing
is sent to be given back, and nothing can be lost on the way. A record lock guards every change; the kernel lets it
go where its holder dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import mmap
import os
import signal
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path

_CELL_BYTES = 8
_TWINS = 64


class Cell(IntEnum):
    """The cells of a row; each is a whole number of 64 bits, 0 at first."""

    READY = 0  # 1 once the process serves
    ENTERED = 1  # requests that hold a place in the queue
    SLOTS = 2  # children at work
    SLOTS_TICKET = 3  # the ticket of the first who waits for a child, 0 for nobody
    BYTES = 4  # decoded pixels
    BYTES_TICKET = 5
    TWINS_WAITING = 6  # requests that wait for their like in another process
    PUBLISHED = 7  # the last call for counters that was answered
    CACHE_BYTES = 8  # what this process added to the cache, less what it took away
    HELD_BYTES = 9  # of uploads and fetched files
    STORED_BYTES = 10  # what this process knows of the store, beside what the others know
    PICTURES_BYTES = 11  # as CACHE_BYTES, of pictures by URL
    TWINS = 12  # and further: what is being worked on


_ROW = Cell.TWINS + _TWINS
# What outlives its process; all else is cleared.
_KEPT = frozenset({Cell.PUBLISHED, Cell.CACHE_BYTES, Cell.PICTURES_BYTES, Cell.STORED_BYTES})


class Board:
    """Made once, before the processes are forked; a process takes a seat by the number of its row.

    ``folder`` is theirs for what is more than a number.
    """

    def __init__(self, rows: int, folder: Path) -> None:
        self.rows = rows
        self.folder = folder
        size = (rows * _ROW + 2) * _CELL_BYTES
        self._file = os.memfd_create("board", os.MFD_CLOEXEC)
        os.ftruncate(self._file, size)
        self._memory = mmap.mmap(self._file, size)
        self._cells = memoryview(self._memory).cast("q")
        self._bells = [os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(rows)]
        # Record locks are held by a process: among its threads they mean nothing.
        self._threads = threading.Lock()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything within; for microseconds only. A second time within does not work."""
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def read(self, row: int, cell: int) -> int:
        """A cell of a row."""
        return self._cells[row * _ROW + cell]

    def write(self, row: int, cell: int, value: int) -> None:
        """Change a cell of a row."""
        self._cells[row * _ROW + cell] = value

    def total(self, cell: int) -> int:
        """A cell's sum over all rows."""
        return sum(self._cells[cell : self.rows * _ROW : _ROW])

    def column(self, cell: int) -> list[int]:
        """A cell of all rows."""
        return self._cells[cell : self.rows * _ROW : _ROW].tolist()

    def running(self, row: int) -> list[int]:
        """What a process works on."""
        return self._cells[row * _ROW + Cell.TWINS : (row + 1) * _ROW].tolist()

    def next_ticket(self) -> int:
        """A number that is higher than all before; within ``locked``."""
        self._cells[-1] += 1
        return self._cells[-1]

    def next_call(self) -> int:
        """The same, for those who ask for counters."""
        self._cells[-2] += 1
        return self._cells[-2]

    @property
    def last_call(self) -> int:
        """The last number that ``next_call`` gave."""
        return self._cells[-2]

    def ring(self, row: int) -> None:
        """Have a process look at the board."""
        with contextlib.suppress(BlockingIOError):  # it has not yet looked since somebody else rang
            os.eventfd_write(self._bells[row], 1)

    def clear(self, row: int) -> None:
        """Free what a dead process held, and have the others look."""
        with self.locked():
            for cell in range(_ROW):
                if cell not in _KEPT:
                    self.write(row, cell, 0)
        for other in range(self.rows):
            self.ring(other)

    def bell(self, row: int) -> int:
        """The descriptor that tells a process to look."""
        return self._bells[row]


class Seat:
    """One process at the board; ``on_ring`` are told when it is to look.

    ``lifeline`` is a pipe that ends when the supervisor does: then this process drains and ends as well.
    """

    def __init__(self, board: Board, row: int, lifeline: int | None = None) -> None:
        self.board = board
        self.row = row
        self._lifeline = lifeline
        self.on_ring: list[Callable[[], None]] = []

    def add(self, cell: int, amount: int) -> None:
        """Change a cell of the own row; within ``locked``."""
        self.board.write(self.row, cell, self.board.read(self.row, cell) + amount)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Look at the board when it is rung for; within a running loop."""
        loop = asyncio.get_running_loop()
        bell = self.board.bell(self.row)
        loop.add_reader(bell, self._look)
        if self._lifeline is not None:
            loop.add_reader(self._lifeline, self._end)
        try:
            yield
        finally:
            loop.remove_reader(bell)
            if self._lifeline is not None:
                loop.remove_reader(self._lifeline)

    def _end(self) -> None:
        assert self._lifeline is not None
        asyncio.get_running_loop().remove_reader(self._lifeline)
        os.kill(os.getpid(), signal.SIGTERM)

    def _look(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.board.bell(self.row))
        for look in self.on_ring:
            look()

"""What all processes take from: so many children, so many bytes, so many places, and who comes first."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pixlean.share.board import Cell, Seat


class BoardPlaces:
    """Places in the queue, or what else a cell counts: taken where they are free, never waited for."""

    def __init__(self, seat: Seat, cell: Cell = Cell.ENTERED) -> None:
        self._seat = seat
        self._cell = cell

    @property
    def used(self) -> int:
        """How many are taken, by all processes."""
        return self._seat.board.total(self._cell)

    def take(self, most: int, amount: int = 1) -> bool:
        """Take some, unless more than ``most`` would then be taken."""
        with self._seat.board.locked():
            if self.used + amount > most:
                return False
            self._seat.add(self._cell, amount)
            return True

    def give(self, amount: int = 1) -> None:
        """Give some back."""
        with self._seat.board.locked():
            self._seat.add(self._cell, -amount)


@dataclass(frozen=True, kw_only=True)
class _Wish:
    ticket: int
    amount: int
    granted: asyncio.Future[None]


class Supply:
    """``total`` of something that all processes take from; who came first is served first, in whichever process.

    Tickets keep the order: a process may take only while no other one has a lower ticket. Without them the
    process that gives back would always be the first to take again.
    """

    def __init__(self, seat: Seat, used: Cell, ticket: Cell, total: int) -> None:
        self._seat = seat
        self._board = seat.board
        self._used = used
        self._ticket = ticket
        self._total = total
        self._wishes: deque[_Wish] = deque()
        seat.on_ring.append(self._serve)

    @contextlib.asynccontextmanager
    async def hold(self, amount: int) -> AsyncIterator[None]:
        """Wait until so much is free, and have it within; who wants more than there is takes all."""
        amount = min(amount, self._total)
        await self.take(amount)
        try:
            yield
        finally:
            self.give(amount)

    async def take(self, amount: int) -> None:
        """Wait until so much is free, and have it until ``give``."""
        with self._board.locked():
            wish = _Wish(
                ticket=self._board.next_ticket(), amount=amount, granted=asyncio.get_running_loop().create_future()
            )
            self._wishes.append(wish)
            self._show_first()
        self._serve()
        try:
            await wish.granted
        except asyncio.CancelledError:
            if wish.granted.done() and not wish.granted.cancelled():
                self.give(amount)
            else:
                self._wishes.remove(wish)
                self._serve()
            raise

    def give(self, amount: int) -> None:
        """Give back."""
        with self._board.locked():
            self._seat.add(self._used, -amount)
        self._serve()

    def _serve(self) -> None:
        """Grant what can be granted, and have the process look that is next."""
        with self._board.locked():
            self._show_first()
            while self._wishes and self._may_take(self._wishes[0]):
                wish = self._wishes.popleft()
                self._seat.add(self._used, wish.amount)
                wish.granted.set_result(None)
                self._show_first()
            first = self._first_row()
            more = self._board.total(self._used) < self._total
        if more and first is not None and first != self._seat.row:
            self._board.ring(first)

    def _may_take(self, wish: _Wish) -> bool:
        if self._first_row() != self._seat.row:
            return False
        # A cancelled wish takes nothing and goes by itself in a moment; those behind it wait for that.
        return not wish.granted.done() and self._board.total(self._used) + wish.amount <= self._total

    def _first_row(self) -> int | None:
        """The process whose turn it is."""
        waiting = [(ticket, row) for row, ticket in enumerate(self._board.column(self._ticket)) if ticket]
        return min(waiting)[1] if waiting else None

    def _show_first(self) -> None:
        first = self._wishes[0].ticket if self._wishes else 0
        self._board.write(self._seat.row, self._ticket, first)


class BoardSlots(Supply):
    """Children at work, of all processes; who of a process's callers is next is said by its ``domain.turns``."""

    def __init__(self, seat: Seat, total: int) -> None:
        super().__init__(seat, Cell.SLOTS, Cell.SLOTS_TICKET, total)


class BoardBudget:
    """Bytes of decoded pixels, of all processes."""

    def __init__(self, seat: Seat, total: int) -> None:
        self._supply = Supply(seat, Cell.BYTES, Cell.BYTES_TICKET, total)

    def hold(self, size: int) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait until ``size`` bytes are free; what is larger than the whole budget runs alone."""
        return self._supply.hold(size)


class BoardTotal:
    """What the cache or the store holds, by the sum of what each process put into it. Called from threads as well."""

    def __init__(self, seat: Seat, cell: Cell = Cell.CACHE_BYTES) -> None:
        self._seat = seat
        self._cell = cell

    @property
    def value(self) -> int:
        """Bytes."""
        return self._seat.board.total(self._cell)

    def add(self, size: int) -> None:
        """Count what was put in, or with less than zero what was taken away."""
        with self._seat.board.locked():
            self._seat.add(self._cell, size)

    def correct(self, size: int) -> None:
        """Say what a look at the folder showed."""
        with self._seat.board.locked():
            self._seat.add(self._cell, size - self.value)

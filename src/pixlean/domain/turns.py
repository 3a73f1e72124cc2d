"""Slots that are dealt out in turn: who waits much does not keep those who wait little from theirs."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

from pixlean.domain.errors import Unavailable


class Supply(Protocol):
    """Where slots come from that other processes take as well (``share.supply``)."""

    async def take(self, amount: int) -> None:
        """Wait until so many are free, and have them."""

    def give(self, amount: int) -> None:
        """Give back."""


@dataclass(eq=False)
class _Waiting:
    """One that waits; ``may_yield`` where it may be sent away for one of somebody who has less."""

    who: str
    may_yield: bool
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """So many slots, at most ``share`` of them for one owner.

    A slot that becomes free goes to the owner who has the fewest, and among equals to the one served longest ago: a
    quiet caller's next turn comes after one of each other caller, however many those have waiting.

    With a ``supply`` the slots are those of all processes. This one asks for one at a time, for whoever's turn it is
    when it comes: so processes take turns as callers do, and one with many waiting is no further ahead.
    """

    def __init__(self, slots: int, share: int | None = None, supply: Supply | None = None) -> None:
        self._supply = supply
        self._asking: asyncio.Task[None] | None = None
        self._free = 0 if supply else slots
        self._share = share or slots
        self._at_work: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[_Waiting]] = OrderedDict()

    def held_by(self, who: str) -> int:
        """How many slots and places in the line an owner has."""
        return self._at_work[who] + len(self._waiting.get(who, ()))

    @contextlib.asynccontextmanager
    async def turn(self, who: str, *, may_yield: bool = False) -> AsyncIterator[None]:
        """Hold a slot. Raises ``Unavailable`` where the place in the line was given to somebody else."""
        if self._free > 0 and who not in self._waiting and self._at_work[who] < self._share:
            self._begin(who)
        else:
            await self._wait(_Waiting(who, may_yield))
        try:
            yield
        finally:
            self._end(who)

    def has_more_than(self, who: str) -> bool:
        """Whether somebody could make way for an owner: one who would still have as much as the owner then has."""
        return self._greediest(who) is not None

    def make_way(self, who: str) -> bool:
        """Send the last one in the line of the greediest owner away; ``False`` where none has more than this one."""
        greedy = self._greediest(who)
        if greedy is None:
            return False
        last = next(each for each in reversed(self._waiting[greedy]) if each.may_yield)
        self._forget(last)
        self._ask_if_needed()
        if not last.turn.done():  # else it was cancelled just now, and goes by itself
            last.turn.set_exception(
                Unavailable("the queue is full of this caller's requests", facts={"retry_after": 1})
            )
        return True

    def _greediest(self, who: str) -> str | None:
        least = self.held_by(who) + 2
        greedy = [
            (self.held_by(name), name)
            for name, line in self._waiting.items()
            if name != who and self.held_by(name) >= least and any(each.may_yield for each in line)
        ]
        return max(greedy)[1] if greedy else None

    async def _wait(self, waiting: _Waiting) -> None:
        self._waiting.setdefault(waiting.who, deque()).append(waiting)
        self._ask_if_needed()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
                self._end(waiting.who)  # the turn came just before
            else:
                self._forget(waiting)
                self._ask_if_needed()
            raise

    def _begin(self, who: str) -> None:
        self._free -= 1
        self._at_work[who] += 1

    def _end(self, who: str) -> None:
        self._at_work[who] -= 1
        if not self._at_work[who]:
            del self._at_work[who]
        if self._supply is None:
            self._free += 1
            self._deal()
        else:
            self._supply.give(1)  # another process may be next
            self._ask_if_needed()

    def _ask_if_needed(self) -> None:
        """Have one asked for as long as somebody could take it."""
        if self._supply is None:
            return
        if self._asking is None:
            if self._ready():
                self._asking = asyncio.create_task(self._ask(self._supply))
                self._asking.add_done_callback(self._asked)  # also of a task that was cancelled before it began
        elif not self._waiting:
            self._asking.cancel()

    async def _ask(self, supply: Supply) -> None:
        await supply.take(1)
        self._free += 1
        self._deal()
        if self._free:  # who waited for it has gone
            self._free -= 1
            supply.give(1)

    def _asked(self, _: asyncio.Task[None]) -> None:
        self._asking = None
        self._ask_if_needed()

    def _ready(self) -> list[str]:
        return [name for name in self._waiting if self._at_work[name] < self._share]

    def _deal(self) -> None:
        while self._free > 0:
            ready = self._ready()
            if not ready:
                return
            who = min(ready, key=lambda name: self._at_work[name])  # the first of equals was served longest ago
            waiting = self._waiting[who][0]
            self._forget(waiting)
            if waiting.turn.done():  # cancelled just now: its task has not heard of it yet
                continue
            if who in self._waiting:
                self._waiting.move_to_end(who)
            self._begin(who)
            waiting.turn.set_result(None)

    def _forget(self, waiting: _Waiting) -> None:
        line = self._waiting.get(waiting.who)
        if line is not None and waiting in line:
            line.remove(waiting)
            if not line:
                del self._waiting[waiting.who]

"""The way to a child, the same for every use case: a place in the queue, then a slot, then the pool."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pixlean.domain.limits import Limits
from pixlean.domain.share import owner
from pixlean.domain.turns import Turns
from pixlean.outbound.fetch import Fetcher
from pixlean.sandbox.pool import Pool
from pixlean.service.gate import Gate


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What the use cases share. A slow origin holds a fetch slot, never a place in the queue."""

    pool: Pool
    gate: Gate
    fetcher: Fetcher
    limits: Limits
    slots: Turns

    @contextlib.asynccontextmanager
    async def place(self, *, patient: bool = False) -> AsyncIterator[float]:
        """A slot to work in; yields the seconds that were waited. Raises ``Unavailable`` where the queue is full.

        Who is ``patient`` waits outside of the queue, for as long as it takes.
        """
        started = time.perf_counter()
        with contextlib.nullcontext() if patient else self.gate.enter():
            # A caller's jobs have a line of their own: whoever waits for an answer does not stand behind them.
            who = f"{owner()} (jobs)" if patient else owner()
            async with self.slots.turn(who, may_yield=not patient):
                yield time.perf_counter() - started

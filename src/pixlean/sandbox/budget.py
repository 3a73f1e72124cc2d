"""The memory that all running orders share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol


class Budget(Protocol):
    """Bytes of decoded pixels that all running orders may hold together."""

    def hold(self, size: int) -> contextlib.AbstractAsyncContextManager[None]:
        """Wait until ``size`` bytes are free; what is larger than the whole budget runs alone."""


class OwnBudget:
    """The budget of one process."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until ``size`` bytes are free; one order that is larger than the whole budget runs alone."""
        size = max(0, min(size, self._total))
        async with self._changed:
            await self._changed.wait_for(lambda: self._used + size <= self._total)
            self._used += size
        try:
            yield
        finally:
            self._used -= size
            async with self._changed:
                self._changed.notify_all()

"""Clear away what has expired; what a dead server left behind goes by its age like everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pixlean.access.usage import Ledger
from pixlean.domain.errors import PixleanError
from pixlean.service import outputs
from pixlean.storage.blobs import Blobs

_log = logging.getLogger("pixlean.sweep")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How often is swept."""

    every_seconds: float = 60.0


class Sweep:
    """The use case; ``run`` goes on until it is cancelled."""

    def __init__(self, settings: Settings, blobs: Blobs, ledger: Ledger) -> None:
        self._settings = settings
        self._blobs = blobs
        self._steps: tuple[Callable[[], Awaitable[object]], ...] = (self._outputs, ledger.refund_lost)

    async def run(self) -> None:
        """Sweep now and again for ever; a lost backend only puts it off."""
        while True:
            await self.once()
            await asyncio.sleep(self._settings.every_seconds)

    async def once(self) -> None:
        """Every step once; one that fails does not keep the others from theirs."""
        for step in self._steps:
            try:
                await step()
            except PixleanError as error:
                _log.warning("sweeping was put off: %s", error.message)
            except Exception:
                _log.exception("sweeping failed")

    async def _outputs(self) -> None:
        # A little later than they end for their owners: a download that has begun is not cut.
        old = datetime.now(UTC) - outputs.LIFE - timedelta(minutes=5)
        await self._blobs.delete(*await self._blobs.older_than(outputs.PREFIX, old))

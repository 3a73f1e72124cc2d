"""Clear away what has expired; what a dead server left behind goes by its age like everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pixlean.access.usage import Ledger
from pixlean.domain.errors import PixleanError
from pixlean.domain.task import Kind
from pixlean.jobs.contract import Queue
from pixlean.jobs.store import Jobs
from pixlean.service import outputs, submit
from pixlean.storage.blobs import Blobs

# A file of a job that has no row is a request's that is just being accepted, or an orphan: this tells them apart.
_ORPHAN = timedelta(hours=1)
# Every so many rounds the whole store is looked through.
_LOOK_THROUGH = 15
# A job that nobody took up so long after it was due has lost its queue entry, or waits behind many others: then the
# second entry costs one look at the row.
_OVERDUE_SECONDS = 6.0
_log = logging.getLogger("pixlean.sweep")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How often is swept, and how often entries are looked for that a lost connection took along."""

    every_seconds: float = 20.0
    entries_every_seconds: float = 5.0


class Sweep:
    """The use case; ``run`` goes on until it is cancelled. Any number of servers may sweep at the same time."""

    def __init__(self, settings: Settings, blobs: Blobs, ledger: Ledger, jobs: Jobs, queue: Queue) -> None:
        self._settings = settings
        self._blobs = blobs
        self._jobs = jobs
        self._queue = queue
        self._round = 0
        self._steps: tuple[Callable[[], Awaitable[object]], ...] = (
            self._expired_jobs, self._old_outputs, self._surplus, self._orphans, ledger.refund_lost,
        )  # fmt: skip

    async def run(self) -> None:
        """Sweep now and again for ever; a lost backend only puts it off."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce_for_ever())
            while True:
                await self.once()
                await asyncio.sleep(self._settings.every_seconds)

    async def once(self) -> None:
        """Every step once; one that fails does not keep the others from theirs."""
        for step in self._steps:
            await _tried(step)
        self._round += 1

    async def _announce_for_ever(self) -> None:
        # On its own: nobody should wait for a job until a large store has been looked through.
        while True:
            await _tried(self._lost_entries)
            await asyncio.sleep(self._settings.entries_every_seconds)

    async def _expired_jobs(self) -> None:
        """Files first, then the row says so: a kill between the two leaves the row, and the files are tried again."""
        while found := await self._jobs.expired():
            for job_id in found:
                await self._blobs.delete(*await self._blobs.below(f"{submit.PREFIX}/{job_id}"))
            await self._jobs.clear(found)
        await self._jobs.clear(())

    async def _lost_entries(self) -> None:
        for kind in Kind:
            late = await self._jobs.overdue(kind, _OVERDUE_SECONDS)
            if not late:
                continue
            async with self._jobs.transaction() as connection:
                await self._queue.announce_again(connection, kind, late)
            self._queue.wake()

    async def _old_outputs(self) -> None:
        if self._round % 3:
            return
        # A little later than they end for their owners: a download that has begun is not cut.
        old = datetime.now(UTC) - outputs.LIFE - timedelta(minutes=5)
        await self._blobs.delete(*await self._blobs.older_than(outputs.PREFIX, old))

    async def _surplus(self) -> None:
        """Results beyond the quota, the oldest first; what a job still needs is none of them."""
        if self._round % 3:
            return
        stored = await self._blobs.measure((outputs.PREFIX, submit.PREFIX))
        excess, surplus = self._blobs.excess_bytes, []
        for each in stored:
            if excess <= 0:
                break
            if not each.key.endswith("/input"):
                surplus.append(each.key)
                excess -= each.size_bytes
        if surplus:
            _log.error("the store of results is nearly full: the %d oldest go before their time", len(surplus))
            await self._blobs.delete(*surplus)

    async def _orphans(self) -> None:
        """Files of jobs that have no row: of a server that died while it accepted one, or of a claim that lost."""
        if self._round % _LOOK_THROUGH:
            return
        old = await self._blobs.older_than(submit.PREFIX, datetime.now(UTC) - _ORPHAN)
        by_job: dict[str, list[str]] = {}
        for key in old:
            by_job.setdefault(key.split("/")[1], []).append(key)
        ids = list(by_job)
        for at in range(0, len(ids), 500):
            part = ids[at : at + 500]
            known = await self._jobs.known(part)
            await self._blobs.delete(*(key for job_id in part if job_id not in known for key in by_job[job_id]))


async def _tried(step: Callable[[], Awaitable[object]]) -> None:
    try:
        await step()
    except PixleanError as error:
        _log.warning("sweeping was put off: %s", error.message)
    except Exception:
        _log.exception("sweeping failed")

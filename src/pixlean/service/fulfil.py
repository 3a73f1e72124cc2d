"""Do a job that was accepted: at most three attempts, and whatever happens, one effect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from pixlean.access.usage import Ledger
from pixlean.domain import share
from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError, Unavailable
from pixlean.domain.memory import MemoryFile
from pixlean.domain.task import Call, Job, JobResult, Kind, Notice, State
from pixlean.jobs.contract import Queue
from pixlean.jobs.store import Jobs, LeaseLost
from pixlean.outbound.fetch import Fetcher
from pixlean.service.compress import Compress
from pixlean.service.inputs import Upload
from pixlean.service.submit import (
    REMEMBER_SECONDS,
    cost_of,
    count,
    headers_of,
    input_key,
    result_key,
    result_of,
    terms_of,
)
from pixlean.service.words import Words, plain
from pixlean.storage.blobs import Blobs

MOST_ATTEMPTS = 3
# Jobs are claimed ahead of a free place, so the death of a server cuts off some that had not even begun.
_MOST_CUT_OFF = 10
# How long a second and a third attempt wait, and how long one waits that could not even begin.
_AGAIN_SECONDS = (1.0, 5.0)
_AWAY_SECONDS = 3.0
# What trying again may change; all else is decided the first time.
_PASSING = frozenset({ErrorCode.CHILD_DIED, ErrorCode.ENGINE_FAILED, ErrorCode.INTERNAL})
# A result that was made is written down even where the database is away for a while.
_MOST_WRITING_SECONDS = 300.0
_log = logging.getLogger("pixlean.jobs")


class Fulfil:
    """The handler of pictures; built once by the wiring. ``words`` are those of each API."""

    def __init__(
        self, jobs: Jobs, queue: Queue, blobs: Blobs, compress: Compress, fetcher: Fetcher, ledger: Ledger,
        words: Mapping[str, Words],
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._queue = queue
        self._blobs = blobs
        self._compress = compress
        self._fetcher = fetcher
        self._ledger = ledger
        self._words = words

    async def __call__(self, job: Job) -> float | None:
        """Work on a claimed job; the seconds until it wants to be handed out again, or ``None``."""
        try:
            async with self._jobs.held(job):
                return await self._worked(job)
        except LeaseLost:
            return None
        except asyncio.CancelledError:
            # The worker is stopping: the job goes back at once, and this attempt does not count.
            await asyncio.shield(self._jobs.give_back(job, 0.0, forgiven=True))
            raise

    async def _worked(self, job: Job) -> float | None:
        if job.attempts > _MOST_CUT_OFF:
            return await self._end(job.failed(EngineFailed("the job was given up: every attempt was cut off")), 0)
        try:
            result, units = await self._compressed(job)
        except Unavailable as error:
            _log.warning("a job waits: %s", error.message, extra={"job": job.id})
            return await self._jobs.give_back(job, _AWAY_SECONDS, forgiven=True)
        except PixleanError as error:
            if error.code in _PASSING and job.attempts < MOST_ATTEMPTS:
                return await self._jobs.give_back(job, _AGAIN_SECONDS[job.attempts - 1], forgiven=False)
            return await self._end(job.failed(error), 0)
        return await self._end(job.succeeded(result), units)

    async def _compressed(self, job: Job) -> tuple[JobResult, int]:
        """The result, which then lies in the store, and the units that it costs."""
        ticket = job.ticket
        with share.working_for(share.of_key(job.key_id)), MemoryFile("job") as file:
            if ticket.source_url is not None:
                await self._fetcher.fetch(ticket.source_url, file, most_bytes=ticket.most_bytes)
            else:
                blob = await self._blobs.get(input_key(job.id))
                if blob is None:
                    raise EngineFailed("the job's input is gone", code=ErrorCode.ENGINE_FAILED)
                file.write_all(blob.data)
            compressed = await self._compress(Upload(file), ticket.recipe, terms_of(ticket, patient=True))
        key, report = result_key(job.id, job.fence), compressed.outcome.report
        result = result_of(report, key)
        await self._blobs.put(key, compressed.outcome.data, lasting=True, headers=headers_of(result))
        return result, cost_of(ticket, report)

    async def _end(self, ended: Job, units: int) -> float | None:
        """Write down the end with all that follows from it, in one transaction; only the last claim can."""
        last = asyncio.get_running_loop().time() + _MOST_WRITING_SECONDS
        while True:
            try:
                counts = await self._written(ended, units)
                break
            except Unavailable:
                if asyncio.get_running_loop().time() > last:
                    return _AWAY_SECONDS
                await asyncio.sleep(_AWAY_SECONDS)
        if counts:
            await self._jobs.persist()  # before the input goes: an end that is lost again would need it
            self._queue.wake()
            await self._forget(input_key(ended.id))
        elif ended.result is not None:
            await self._forget(ended.result.key)
        return None

    async def _written(self, ended: Job, units: int) -> bool:
        ticket = ended.ticket
        async with self._jobs.transaction() as connection:
            counts = await self._jobs.finish(
                connection, ended, keep_seconds=ticket.keep_seconds, remember_seconds=REMEMBER_SECONDS
            )
            if not counts:
                return False
            await count(self._ledger, connection, ended, ended.id, units)
            if ticket.webhook_url is not None:
                notice = self._notice(ended, ticket.webhook_url)
                if await self._jobs.add(connection, notice):
                    await self._queue.announce(connection, Kind.WEBHOOK, notice.id)
        return True

    def _notice(self, ended: Job, url: str) -> Notice:
        """The webhook that tells of the end: its body is written once, here."""
        now = self._jobs.clock()
        body = msgspec.json.encode(self._told(ended.kept_from(now))).decode()
        return Notice(
            id=f"msg_{ended.id}", state=State.QUEUED, input_bytes=len(body), attempts=0, fence=0, due_at=now,
            created_at=now, call=Call(url=url, body=body, job_id=ended.id, api=ended.api, key_id=ended.key_id),
        )  # fmt: skip

    def _told(self, ended: Job) -> Mapping[str, Any]:
        words = self._words.get(ended.api)
        return plain(ended) if words is None else words.show_ended(ended)

    async def _forget(self, key: str) -> None:
        """Delete what is needed no more; the sweeper finds it where the store is away."""
        with contextlib.suppress(Unavailable):
            await self._blobs.delete(key)

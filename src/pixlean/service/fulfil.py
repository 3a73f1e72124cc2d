"""Do a job that was accepted: at most three attempts, and whatever happens, one effect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from dataclasses import replace

import msgspec

from pixlean.access.tariffs import Meter
from pixlean.access.usage import Ledger
from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError, Unavailable
from pixlean.domain.task import Call, Job, Kind, Made, State, Ticket
from pixlean.jobs.contract import Queue
from pixlean.jobs.store import Jobs, LeaseLost
from pixlean.outbound.fetch import Fetcher
from pixlean.sandbox.wire import memory_file, write_all
from pixlean.service.compress import Compress
from pixlean.service.inputs import Upload
from pixlean.service.submit import REMEMBER_SECONDS, input_key, made_of, result_key, terms_of, units
from pixlean.service.words import Words
from pixlean.storage.blobs import Blobs

MOST_ATTEMPTS = 3
# How long a second and a third attempt wait, and how long one waits that could not even begin.
_AGAIN_SECONDS = (1.0, 5.0, 15.0)
_AWAY_SECONDS = 3.0
# What trying again may change; all else is decided the first time.
_PASSING = frozenset({ErrorCode.CHILD_DIED, ErrorCode.ENGINE_FAILED, ErrorCode.INTERNAL})
# A result that was made is written down even where the database is away for a while.
_MOST_WRITING_SECONDS = 300.0
_log = logging.getLogger("pixlean.jobs")


class Fulfil:
    """The handler of pictures; built once by the wiring. ``words`` tells of an end in the words of the job's API."""

    def __init__(
        self, jobs: Jobs, queue: Queue, blobs: Blobs, compress: Compress, fetcher: Fetcher, ledger: Ledger, words: Words
    ) -> None:
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
        assert job.ticket is not None
        if job.attempts > MOST_ATTEMPTS:
            error = EngineFailed("the job was given up: every attempt was cut off", code=ErrorCode.ENGINE_FAILED)
            return await self._end(job, None, error, 0)
        try:
            made, amount = await self._made(job, job.ticket)
        except Unavailable as error:
            _log.warning("a job waits: %s", error.message, extra={"job": job.id})
            return await self._jobs.give_back(job, _AWAY_SECONDS, forgiven=True)
        except PixleanError as error:
            if error.code in _PASSING and job.attempts < MOST_ATTEMPTS:
                return await self._jobs.give_back(job, _AGAIN_SECONDS[job.attempts - 1], forgiven=False)
            return await self._end(job, None, error, 0)
        return await self._end(job, made, None, amount)

    async def _made(self, job: Job, ticket: Ticket) -> tuple[Made, int]:
        file = memory_file("job")
        try:
            if ticket.source_url is not None:
                await self._fetcher.fetch(ticket.source_url, file, most_bytes=ticket.most_bytes)
            else:
                blob = await self._blobs.get(input_key(job.id))
                if blob is None:
                    raise EngineFailed("the job's input is gone", code=ErrorCode.ENGINE_FAILED)
                write_all(file, blob.data)
            done = await self._compress(Upload(file), ticket.recipe, terms_of(ticket, patient=True))
        finally:
            os.close(file)
        key = result_key(job.id, job.fence)
        await self._blobs.put(key, done.work.data)
        return made_of(done, key), units(done)

    async def _end(self, job: Job, made: Made | None, error: PixleanError | None, amount: int) -> float | None:
        """Write down the end with all that follows from it, in one transaction; only the last claim can."""
        last = asyncio.get_running_loop().time() + _MOST_WRITING_SECONDS
        while True:
            try:
                ended = await self._ended(job, made, error, amount)
                break
            except Unavailable:
                if asyncio.get_running_loop().time() > last:
                    return _AWAY_SECONDS
                await asyncio.sleep(_AWAY_SECONDS)
        if not ended and made is not None:
            await self._forget(made.key)
        if ended:
            self._queue.wake()
            await self._forget(input_key(job.id))
        return None

    async def _ended(self, job: Job, made: Made | None, error: PixleanError | None, amount: int) -> bool:
        assert job.ticket is not None
        said = None if error is None else (error.code, error.message)
        async with self._jobs.transaction() as connection:
            ended = await self._jobs.finish(
                connection, job, made=made, error=said, keep_seconds=job.ticket.keep_seconds,
                remember_seconds=REMEMBER_SECONDS,
            )  # fmt: skip
            if not ended:
                return False
            if made is not None and job.ticket.meter:
                await self._ledger.count(connection, job.key_id, Meter(job.ticket.meter), job.id, amount)
            if job.ticket.webhook_url is not None:
                call = self._call(job, made, error)
                if await self._jobs.add(connection, call):
                    await self._queue.announce(connection, Kind.WEBHOOK, call.id)
        return True

    def _call(self, job: Job, made: Made | None, error: PixleanError | None) -> Job:
        """The webhook that tells of the end: its body is written once, here."""
        assert job.ticket is not None and job.ticket.webhook_url is not None
        now = self._jobs.clock()
        told = replace(
            job, state=State.FAILED if error else State.DONE, made=made, error_code=error.code if error else None,
            error_message=error.message if error else "", completed_at=now, expires_at=now + job.ticket.keep_seconds,
        )  # fmt: skip
        body = msgspec.json.encode(self._words(told)).decode()
        call = Call(url=job.ticket.webhook_url, body=body, job_id=job.id)
        return Job(
            id=f"msg_{job.id}", kind=Kind.WEBHOOK, api=job.api, key_id=job.key_id, state=State.QUEUED,
            input_bytes=len(body), attempts=0, fence=0, due_at=now, created_at=now, call=call,
        )  # fmt: skip

    async def _forget(self, key: str) -> None:
        """Delete what is needed no more; the sweeper finds it where the store is away."""
        with contextlib.suppress(Unavailable):
            await self._blobs.delete(key)

"""Take a picture on: within the request, or as a job that outlives it. Either way a row tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from pixlean.access.tariffs import Meter
from pixlean.access.usage import Ledger
from pixlean.domain.caller import Caller
from pixlean.domain.errors import PixleanError, Unavailable
from pixlean.domain.task import Job, Kind, Made, State, Ticket
from pixlean.jobs.contract import Queue
from pixlean.jobs.store import Jobs, Summary, new_id
from pixlean.sandbox.wire import read_all
from pixlean.service.compress import Compress, Compressed, Terms
from pixlean.service.inputs import Input, Upload
from pixlean.storage.blobs import Blobs

PREFIX = "jobs"
REMEMBER_SECONDS = 24 * 3600.0
# A guess for a server that has made nothing yet: a second a megabyte.
_FIRST_PACE = 1.0 / (1 << 20)
_SUMMARY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``slots`` pictures are made at a time; with ``most_waiting`` jobs open no more are taken."""

    slots: int = 2
    most_waiting: int = 10_000


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A picture that was made within the request: its job, and what was made; ``None`` where a former answer counts."""

    job: Job
    done: Compressed | None


def input_key(job_id: str) -> str:
    """Where a job's input lies."""
    return f"{PREFIX}/{job_id}/input"


def result_key(job_id: str, fence: int) -> str:
    """Where a claim puts its result: no two claims write to the same place."""
    return f"{PREFIX}/{job_id}/result-{fence}"


def terms_of(ticket: Ticket, *, patient: bool) -> Terms:
    """What a ticket allows its picture."""
    return Terms(inputs=ticket.inputs, most_side_px=ticket.most_side_px, patient=patient)


def made_of(done: Compressed, key: str) -> Made:
    """What is remembered of a result."""
    work = done.work
    return Made(
        key=key, format=work.format, original_bytes=done.original_bytes, size_bytes=len(work.data),
        width_px=work.width_px, height_px=work.height_px, method=work.method, target_met=work.target_met,
    )  # fmt: skip


def units(done: Compressed) -> int:
    """What a picture costs: 1 up to 4096 pixels on its longest side, else 2 (seeds/picwish.txt, Guidelines 6)."""
    return 1 if max(done.work.source_px, default=0) <= 4096 else 2


class Submit:
    """The use case; built once by the wiring."""

    def __init__(
        self, jobs: Jobs, queue: Queue, blobs: Blobs, compress: Compress, ledger: Ledger, settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._queue = queue
        self._blobs = blobs
        self._compress = compress
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._summary = (Summary(), float("-inf"))

    async def same(self, caller: Caller, api: str, idempotency_key: str | None) -> Job | None:
        """The job that this caller made with this key before."""
        if idempotency_key is None:
            return None
        return await self._jobs.find_same(caller.key_id, f"{api}:{idempotency_key}")

    async def later(
        self, ticket: Ticket, caller: Caller, api: str, given: Input | None, idempotency_key: str | None = None
    ) -> Job:
        """Accept a job: when this returns, it will be done. ``given`` is the picture where it was uploaded.

        Raises ``Unavailable`` where it can't be kept, or too many are waiting: then nothing was accepted.
        """
        await self._check_room()
        job = self._new(ticket, caller, api, given.size_bytes if given else 0)
        if given is not None:
            await self._blobs.put(input_key(job.id), read_all(given.file, given.size_bytes))
        same = None if idempotency_key is None else f"{api}:{idempotency_key}"
        async with self._jobs.transaction() as connection:
            added = await self._jobs.add(connection, job, idempotency_key=same)
            if added:
                await self._queue.announce(connection, Kind.COMPRESS, job.id)
        if added:
            self._queue.wake()
            return job
        await self._blobs.delete(input_key(job.id))
        former = await self._jobs.find_same(caller.key_id, str(same))
        if former is None:
            raise Unavailable("the request that used this Idempotency-Key is just ending")
        return former

    async def now(
        self,
        ticket: Ticket,
        caller: Caller,
        api: str,
        given: Input,
        request_id: str,
        idempotency_key: str | None = None,
    ) -> Finished:
        """Make a picture within the request, and keep it as a job that is done. Raises what ``Compress`` raises."""
        started = self._clock()
        job = replace(self._new(ticket, caller, api, given.size_bytes), started_at=started)
        done = await self._compress(Upload(given.file), ticket.recipe, terms_of(ticket, patient=False))
        key = result_key(job.id, 0)
        await self._blobs.put(key, done.work.data)
        job = self._ended(job, State.DONE, made=made_of(done, key))
        if await self._record(job, ticket, caller, api, request_id, units(done), idempotency_key):
            return Finished(job=job, done=done)
        await self._blobs.delete(key)
        former = await self.same(caller, api, idempotency_key)
        if former is None:
            raise Unavailable("the request that used this Idempotency-Key is just ending")
        return Finished(job=former, done=None)

    async def failed(self, ticket: Ticket, caller: Caller, api: str, error: PixleanError) -> Job:
        """Keep the memory of a picture that could not be made within the request."""
        job = self._ended(self._new(ticket, caller, api, 0), State.FAILED)
        job = replace(job, started_at=job.created_at, error_code=error.code, error_message=error.message)
        await self._record(job, ticket, caller, api, "", 0, None)
        return job

    async def expected_seconds(self, size_bytes: int) -> int:
        """How long a job of this size will take, by what the last ones took and by what is waiting before it."""
        pace, waiting_bytes = await self._jobs.pace()
        pace = pace or _FIRST_PACE
        return max(1, round(pace * (size_bytes + waiting_bytes / self._settings.slots)))

    async def _check_room(self) -> None:
        summary, at = self._summary
        if time.monotonic() - at > _SUMMARY_SECONDS:
            summary = await self._jobs.summary()
            self._summary = (summary, time.monotonic())
        if summary.waiting >= self._settings.most_waiting:
            raise Unavailable("too many jobs are waiting", facts={"retry_after": 30, "queue_depth": summary.waiting})

    def _new(self, ticket: Ticket, caller: Caller, api: str, size_bytes: int) -> Job:
        now = self._clock()
        return Job(
            id=new_id(), kind=Kind.COMPRESS, api=api, key_id=caller.key_id, state=State.QUEUED, input_bytes=size_bytes,
            attempts=0, fence=0, due_at=now, created_at=now, ticket=ticket,
        )  # fmt: skip

    def _ended(self, job: Job, state: State, made: Made | None = None) -> Job:
        assert job.ticket is not None
        now = self._clock()
        return replace(job, state=state, made=made, completed_at=now, expires_at=now + job.ticket.keep_seconds)

    async def _record(
        self,
        job: Job,
        ticket: Ticket,
        caller: Caller,
        api: str,
        request_id: str,
        amount: int,
        idempotency_key: str | None,
    ) -> bool:
        """Write an ended job and what it costs in one transaction."""
        assert job.expires_at is not None
        same = None if idempotency_key is None else f"{api}:{idempotency_key}"
        forget_at = max(job.expires_at, job.created_at + REMEMBER_SECONDS)
        async with self._jobs.transaction() as connection:
            added = await self._jobs.add(connection, job, idempotency_key=same, forget_at=forget_at)
            if added and ticket.meter and job.state is State.DONE:
                await self._ledger.count(connection, caller.key_id, Meter(ticket.meter), request_id or job.id, amount)
        return added

"""Take a picture on: within the request, or as a job that outlives it. Either way a row tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.access.usage import Ledger
from pixlean.domain.errors import ErrorCode, InvalidRequest, PixleanError, Unavailable
from pixlean.domain.formats import FORMATS, still_of
from pixlean.domain.memory import MemoryFile
from pixlean.domain.report import Report
from pixlean.domain.task import Job, JobResult, Kind, State, Ticket
from pixlean.jobs.contract import Queue
from pixlean.jobs.store import Jobs, Summary, new_id
from pixlean.service.compress import Compress, Compressed, Terms
from pixlean.service.inputs import Upload
from pixlean.storage.blobs import Blobs

PREFIX = "jobs"
# The note of a ticket that says which request it was, where an idempotency key came with it.
FINGERPRINT = "fingerprint"
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
    """A picture that was made within the request: the job that remembers it, and the result."""

    job: Job
    result: JobResult
    compressed: Compressed


def input_key(job_id: str) -> str:
    """Where a job's input lies."""
    return f"{PREFIX}/{job_id}/input"


def result_key(job_id: str, fence: int) -> str:
    """Where a claim puts its result: no two claims write to the same place."""
    return f"{PREFIX}/{job_id}/result-{fence}"


def terms_of(ticket: Ticket, *, patient: bool) -> Terms:
    """What a ticket allows its picture."""
    return Terms(inputs=ticket.inputs, most_side_px=ticket.most_side_px, patient=patient)


def result_of(report: Report, key: str) -> JobResult:
    """What a row remembers of a result."""
    return JobResult(
        key=key, format=report.format, original_bytes=report.source_bytes, size_bytes=report.size_bytes,
        width_px=report.width_px, height_px=report.height_px, method=report.method, target_met=report.target_met,
    )  # fmt: skip


def headers_of(result: JobResult) -> dict[str, str]:
    """With what a bucket gives out a result: as this server would."""
    row = FORMATS[still_of(result.format)]
    return {
        "Content-Type": row.media_type,
        "Content-Disposition": f'attachment; filename="compressed{row.extensions[0]}"',
        "Cache-Control": "private, no-store",
    }


def cost_of(ticket: Ticket, report: Report) -> int:
    """What a result costs, in units of its meter."""
    return 0 if ticket.price is None else ticket.price.of(report.source_px)


async def count(ledger: Ledger, connection: AsyncConnection, job: Job, request_id: str, units: int) -> None:
    """Count what a job costs, in the transaction that ends it."""
    if job.ticket.price is not None and units:
        await ledger.count(connection, job.key_id, job.ticket.price.meter, request_id, units)


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

    async def same(self, ticket: Ticket, idempotency_key: str | None) -> Job | None:
        """The job that this caller made with this key before. Raises ``InvalidRequest`` where that was another one."""
        same = _same(ticket, idempotency_key)
        former = None if same is None else await self._jobs.find_same(ticket.key_id, same)
        if former is not None and former.ticket.notes.get(FINGERPRINT, "") not in ("", ticket.notes.get(FINGERPRINT)):
            raise InvalidRequest("this Idempotency-Key was used for another request", code=ErrorCode.KEY_REUSED)
        return former

    async def later(self, ticket: Ticket, upload: MemoryFile | None, idempotency_key: str | None = None) -> Job:
        """Accept a job: when this returns, it will be done. ``upload`` is the picture where it is not to be fetched.

        Raises ``Unavailable`` where it can't be kept, or too many are waiting: then nothing was accepted.
        """
        await self._check_room()
        job = self._new(ticket, upload.size_bytes if upload else 0)
        if upload is not None:
            await self._blobs.put(input_key(job.id), upload.read_all(), lasting=True)
        async with self._jobs.transaction() as connection:
            added = await self._jobs.add(connection, job, idempotency_key=_same(ticket, idempotency_key))
            if added:
                await self._queue.announce(connection, Kind.COMPRESS, job.id)
        if added:
            await self._jobs.persist()
            self._queue.wake()
            return job
        await self._blobs.delete(input_key(job.id))
        return await self._former(ticket, idempotency_key)

    async def now(
        self, ticket: Ticket, picture: MemoryFile, request_id: str, idempotency_key: str | None = None
    ) -> Finished | Job:
        """Make a picture within the request, and keep it as a job that is done; or the job that was the same before.

        Raises what ``Compress`` raises.
        """
        started = self._clock()
        job = replace(self._new(ticket, picture.size_bytes), started_at=started)
        compressed = await self._compress(Upload(picture), ticket.recipe, terms_of(ticket, patient=False))
        report = compressed.outcome.report
        result = result_of(report, result_key(job.id, 0))
        await self._blobs.put(result.key, compressed.outcome.data, headers=headers_of(result))
        job = job.succeeded(result).kept_from(self._clock())
        if await self._record(job, request_id, cost_of(ticket, report), idempotency_key):
            return Finished(job=job, result=result, compressed=compressed)
        await self._blobs.delete(result.key)
        return await self._former(ticket, idempotency_key)

    async def failed(self, ticket: Ticket, error: PixleanError) -> Job:
        """Keep the memory of a picture that could not be made within the request."""
        job = self._new(ticket, 0)
        job = replace(job, started_at=job.created_at).failed(error).kept_from(self._clock())
        await self._record(job, "", 0, None)
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

    def _new(self, ticket: Ticket, size_bytes: int) -> Job:
        now = self._clock()
        return Job(
            id=new_id(), state=State.QUEUED, input_bytes=size_bytes, attempts=0, fence=0, due_at=now, created_at=now,
            ticket=ticket,
        )  # fmt: skip

    async def _record(self, job: Job, request_id: str, units: int, idempotency_key: str | None) -> bool:
        """Write an ended job and what it costs in one transaction."""
        same = _same(job.ticket, idempotency_key)
        forget_at = max(job.expires_at or 0.0, job.created_at + REMEMBER_SECONDS)
        async with self._jobs.transaction() as connection:
            added = await self._jobs.add(connection, job, idempotency_key=same, forget_at=forget_at)
            if added:
                await count(self._ledger, connection, job, request_id or job.id, units)
        return added

    async def _former(self, ticket: Ticket, idempotency_key: str | None) -> Job:
        """The job that stood in the way of a new one."""
        former = await self.same(ticket, idempotency_key)
        if former is None:
            raise Unavailable("the request that used this Idempotency-Key is just ending")
        return former


def _same(ticket: Ticket, idempotency_key: str | None) -> str | None:
    """A caller's key as it is kept: the same word means something else in another API."""
    return None if idempotency_key is None else f"{ticket.api}:{idempotency_key}"

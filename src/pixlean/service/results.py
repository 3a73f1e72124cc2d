"""Give results to those who may have them: the job's owner, or who shows a link that was signed for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from pixlean.access.links import Links
from pixlean.domain.caller import Caller
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.task import Job, JobResult, State
from pixlean.jobs.store import Jobs
from pixlean.storage.blobs import Blobs

LINK_SECONDS = 3600.0
# Polls of an open job within this time get the same answer; an ended one changes no more.
_FRESH_SECONDS = 0.1
_ENDED_FRESH_SECONDS = 60.0
_MOST_SEEN = 10_000


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A result that is still there."""

    result: JobResult
    data: bytes


class Results:
    """The use case; built once by the wiring."""

    def __init__(self, jobs: Jobs, blobs: Blobs, links: Links, clock: Callable[[], float] = time.time) -> None:
        self._jobs = jobs
        self._blobs = blobs
        self._links = links
        self._clock = clock
        self._seen: OrderedDict[str, tuple[Job, float]] = OrderedDict()

    async def find(self, job_id: str, api: str, caller: Caller) -> Job:
        """A caller's own job. Raises ``InvalidRequest`` (``not_found``) where it is none of theirs, or has expired."""
        job = await self._known(job_id, api)
        if job.key_id != caller.key_id:
            raise _unknown()
        return job

    async def read(self, job: Job) -> Kept:
        """A finished job's result. Raises ``InvalidRequest`` (``not_ready``, ``not_found``) and ``Unavailable``."""
        if job.state is not State.DONE:
            raise InvalidRequest("the job has no result", code=ErrorCode.NOT_READY)
        if job.result is None:  # swept
            raise _unknown()
        blob = await self._blobs.get(job.result.key)
        if blob is None:
            raise _unknown()
        return Kept(result=job.result, data=blob.data)

    async def query(self, job: Job, variant: str) -> str:
        """The query string of a link that opens a result for an hour, without a key."""
        if job.state is not State.DONE:
            raise InvalidRequest("the job has no result yet", code=ErrorCode.NOT_READY)
        return await self._links.query(job.id, variant, LINK_SECONDS)

    async def link(self, job: Job) -> str | None:
        """A link of the store's own that opens a result for an hour, where the store hands out results itself.

        Raises what ``read`` raises, but for what only the store can tell.
        """
        if job.state is not State.DONE:
            raise InvalidRequest("the job has no result yet", code=ErrorCode.NOT_READY)
        if job.result is None:  # swept
            raise _unknown()
        left = LINK_SECONDS if job.expires_at is None else min(LINK_SECONDS, job.expires_at - self._clock())
        return await self._blobs.link(job.result.key, max(1.0, left))

    async def behind(self, job_id: str, api: str, variant: str, expires: str, signature: str) -> Job:
        """The job behind a link. Raises ``AccessDenied`` where it was altered or is over, ``InvalidRequest``."""
        await self._links.check(job_id, variant, expires, signature)
        return await self._known(job_id, api)

    async def _known(self, job_id: str, api: str) -> Job:
        job = await self._looked_up(job_id) if len(job_id) <= 64 and job_id.isalnum() else None
        if job is None or job.api != api or (job.expires_at is not None and job.expires_at <= self._clock()):
            raise _unknown()
        if not job.is_open and job.expires_at is None:  # swept
            raise _unknown()
        return job

    async def _looked_up(self, job_id: str) -> Job | None:
        """The job's row, or what was seen of it a moment ago: many poll the same job, and often."""
        job, until = self._seen.get(job_id, (None, 0.0))
        now = time.monotonic()
        if job is not None and now < until:
            return job
        job = await self._jobs.find(Job, job_id)
        if job is not None:
            self._seen[job_id] = (job, now + (_FRESH_SECONDS if job.is_open else _ENDED_FRESH_SECONDS))
            self._seen.move_to_end(job_id)
            if len(self._seen) > _MOST_SEEN:
                self._seen.popitem(last=False)
        return job


def _unknown() -> InvalidRequest:
    return InvalidRequest("there is no such job, or it has expired", code=ErrorCode.NOT_FOUND)

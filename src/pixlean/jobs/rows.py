"""The queue without a queue: workers look at the rows, woken by those who write them. For one server on SQLite."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.errors import Unavailable
from pixlean.domain.task import Kind
from pixlean.jobs.contract import Post
from pixlean.jobs.store import Jobs

# How long a job may wait that nobody spoke of: one whose lease ran out, or that another process wrote.
_POLL_SECONDS = 1.0
_log = logging.getLogger("pixlean.jobs")


class RowQueue:
    """Satisfies ``contract.Queue``."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._written = asyncio.Event()
        self._draining = False
        self._busy = 0

    async def announce(self, connection: AsyncConnection, kind: Kind, job_id: str) -> None:
        """The row says it all."""

    async def announce_again(self, connection: AsyncConnection, kind: Kind, late: Sequence[tuple[str, int]]) -> None:
        """Rows are not lost."""

    def wake(self) -> None:
        """Look at the rows now."""
        self._written.set()
        self._written = asyncio.Event()

    async def run(self, posts: tuple[Post[Any], ...]) -> None:
        """Hand jobs to their posts until cancelled."""
        async with asyncio.TaskGroup() as group:
            for post in posts:
                group.create_task(self._serve(post))

    async def drain(self, seconds: float) -> None:
        """Hand out nothing more, and wait so long for what is at work."""
        self._draining = True
        self.wake()
        end = asyncio.get_running_loop().time() + seconds
        while self._busy and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _serve(self, post: Post[Any]) -> None:
        """Look for jobs of one kind while a pair of hands is free, and give each to one: one looks for all."""
        hands = asyncio.Semaphore(post.slots)
        async with asyncio.TaskGroup() as group:
            while not self._draining:
                await hands.acquire()
                written = self._written  # what is written from here on sets this one
                try:
                    job = await self._claimed(post)
                except Unavailable:
                    hands.release()
                    await asyncio.sleep(_POLL_SECONDS)
                    continue
                if job is not None:
                    group.create_task(self._do(post, job, hands))
                    continue
                hands.release()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_SECONDS):
                        await written.wait()

    async def _claimed(self, post: Post[Any]) -> Any | None:
        if self._draining or not await self._is_due(post.kind):
            return None
        job = await self._jobs.claim(post.takes)
        self._busy += job is not None
        return job

    async def _do(self, post: Post[Any], job: Any, hands: asyncio.Semaphore) -> None:
        try:
            await post.handler(job)
        except Exception:
            # Its lease runs out, and it is handed out again.
            _log.exception("a job failed in a way that nobody expected", extra={"job": job.id})
        finally:
            self._busy -= 1
            hands.release()

    async def _is_due(self, kind: Kind) -> bool:
        due = await self._jobs.next_due(kind)
        return due is not None and due <= self._jobs.clock()

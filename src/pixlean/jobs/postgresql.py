"""The queue of several servers: PgQueuer in the same PostgreSQL, so that a job and its entry are one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
from pgqueuer import QueueManager
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.models import Job as Entry
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.errors import Unavailable
from pixlean.domain.task import Kind
from pixlean.jobs.contract import Post
from pixlean.jobs.store import LEASE_SECONDS, Jobs

# An entry whose worker says nothing for so long is handed out again: after the row's own lease, so that it can be had.
_HEARTBEAT_TIMEOUT = timedelta(seconds=LEASE_SECONDS)
# Workers are notified; this is how long a missed notice costs.
_POLL = timedelta(seconds=2)
_AGAIN_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_INSTALL_LOCK = 749_5327
# What PgQueuer and its driver raise when connections are cut under them; InternalClientError: an operation that the cut
# left unfinished still holds the connection.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, PgqException)
_log = logging.getLogger("pixlean.jobs")

# How many open jobs of its kind a job's owner has, this one counted.
_RANKS = text(
    "SELECT job.id, count(*) AS open_jobs FROM jobs job JOIN jobs other ON other.kind = job.kind"
    " AND other.key_id = job.key_id AND other.state IN ('queued', 'working') WHERE job.id = ANY(:ids) GROUP BY job.id"
)
_LAST_RANK = 1000


class PostgresqlQueue:
    """Satisfies ``contract.Queue``. ``url`` is that of the database of the rows."""

    def __init__(self, jobs: Jobs, url: str) -> None:
        self._jobs = jobs
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._managers: list[QueueManager] = []
        self._installed = False
        self._draining = False
        self._busy = 0

    async def announce(self, connection: AsyncConnection, kind: Kind, job_id: str) -> None:
        """Write the entry in the caller's transaction."""
        await self._enter(connection, kind, {job_id: job_id})

    async def announce_again(self, connection: AsyncConnection, kind: Kind, late: Sequence[tuple[str, int]]) -> None:
        """Write entries that stand beside lost ones, all in one statement."""
        await self._enter(connection, kind, {f"{job_id}:{fence}": job_id for job_id, fence in late})

    async def _enter(self, connection: AsyncConnection, kind: Kind, ids_by_key: dict[str, str]) -> None:
        await self._install()
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        # A key keeps entries that are alike from waiting beside each other; it is free again when its entry has ended.
        count = len(ids_by_key)
        ranks = {row.id: row.open_jobs for row in await connection.execute(_RANKS, {"ids": list(ids_by_key.values())})}
        # The first job of a quiet owner stands beside the first of a noisy one, not behind its last.
        turns = [-min(ranks.get(job_id, 0), _LAST_RANK) for job_id in ids_by_key.values()]
        await Queries(AsyncpgDriver(raw)).enqueue(
            [str(kind)] * count, [job_id.encode() for job_id in ids_by_key.values()], turns,
            dedupe_key=list(ids_by_key), on_conflict="skip",
        )  # fmt: skip

    def wake(self) -> None:
        """The database notifies."""

    async def run(self, posts: tuple[Post[Any], ...]) -> None:
        """Hand jobs to their posts until cancelled; a lost database is tried again for ever."""
        async with asyncio.TaskGroup() as group:
            for post in posts:
                group.create_task(self._serve_for_ever(post))

    async def drain(self, seconds: float) -> None:
        """Hand out nothing more, and wait so long for what is at work."""
        self._draining = True
        for manager in self._managers:
            manager.shutdown.set()
        end = asyncio.get_running_loop().time() + seconds
        while self._busy and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Connections end with ``run``."""

    async def _serve_for_ever(self, post: Post[Any]) -> None:
        while not self._draining:
            try:
                await self._install()
                await self._serve(post)
            except Unavailable:
                pass
            except _AWAY as error:
                _log.warning("the queue is away: %s", type(error).__name__)
            except Exception:
                # Jobs must go on being handed out whatever it is; it is ours to look into.
                _log.exception("the queue failed in a way that nobody expected")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _serve(self, post: Post[Any]) -> None:
        """One manager a kind, so that pictures and webhooks do not wait for each other's slots."""

        async def work(entry: Entry) -> None:
            self._busy += 1
            try:
                await self._work(post, (entry.payload or b"").decode())
            finally:
                self._busy -= 1

        pool = await asyncpg.create_pool(self._url, min_size=2, max_size=4, timeout=5, command_timeout=20)
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        manager.entrypoint(str(post.kind), accepts_context=False)(work)
        self._managers.append(manager)
        try:
            await manager.run(
                dequeue_timeout=_POLL,
                batch_size=max(1, post.slots // 2),
                max_concurrent_tasks=max(2, post.slots),
                heartbeat_timeout=_HEARTBEAT_TIMEOUT,
                shutdown_on_listener_failure=True,
            )
        finally:
            self._managers.remove(manager)
            await _closed(pool)

    async def _work(self, post: Post[Any], job_id: str) -> None:
        """Claim the row of an entry and work on it; the entry stays where the job is not over."""
        delay: float | None
        try:
            job = await self._jobs.claim(post.takes, job_id)
            if job is None:
                known = await self._jobs.find(post.takes, job_id)
                # Over, or another one's: then the entry waits until the lease has ended.
                delay = max(0.1, known.due_at - self._jobs.clock()) if known is not None and known.is_open else None
            else:
                delay = await post.handler(job)
        except Unavailable:
            delay = _AGAIN_SECONDS
        except Exception:
            _log.exception("a job failed in a way that nobody expected", extra={"job": job_id})
            delay = LEASE_SECONDS
        if delay is not None:
            raise RetryRequested(delay=timedelta(seconds=delay), reason="not over")

    async def _install(self) -> None:
        """Make PgQueuer's own tables, once, under a lock that all servers share."""
        if self._installed:
            return
        try:
            connection = await asyncpg.connect(self._url, timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise Unavailable("the database of jobs does not answer") from error
        try:
            await connection.execute(f"SELECT pg_advisory_lock({_INSTALL_LOCK})")
            queries = Queries(AsyncpgDriver(connection))
            if not await queries.schema_is_installed():
                await queries.install()
            else:
                await queries.upgrade()
            self._installed = True
        finally:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close()


async def _closed(pool: asyncpg.Pool) -> None:
    """Close it, by force after a while: a listener whose connection was cut is not given back, and it waits."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()

"""The rows of jobs: written in one transaction with their queue entry, claimed by lease, ended by the last claim."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.domain.task import Call, Job, Kind, Made, State, Ticket
from pixlean.state.database import Database
from pixlean.state.schema import JOBS

LEASE_SECONDS = 12.0
_HEARTBEAT_SECONDS = 3.0
_SOON_SECONDS = 0.05
_ID_BYTES = 16  # 128 random bits
_OPEN = ("queued", "working")

_CLAIM = """
UPDATE jobs SET state = 'working', fence = fence + 1, attempts = attempts + 1, due_at = :until,
    started_at = COALESCE(started_at, :now)
WHERE id = {which} RETURNING *
"""
_CLAIM_NEXT = text(
    _CLAIM.format(
        which="(SELECT id FROM jobs WHERE kind = :kind AND state IN ('queued', 'working') AND due_at <= :now"
        " ORDER BY due_at LIMIT 1)"
    )
)
_CLAIM_ONE = text(_CLAIM.format(which=":id AND kind = :kind AND state IN ('queued', 'working') AND due_at <= :now"))


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How the queue stands: for metrics and for those who decide whether more can be taken."""

    waiting: int = 0
    working: int = 0
    oldest_seconds: float = 0.0
    webhooks_waiting: int = 0
    webhooks_failed: int = 0


def new_id() -> str:
    """A job's id, that nobody guesses."""
    return secrets.token_hex(_ID_BYTES)


class Jobs:
    """All jobs of one database. ``attempts`` counts every claim of this process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.clock = clock
        self.attempts = 0

    def transaction(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction in which jobs are written together with what belongs to them."""
        return self._database.transaction()

    async def add(
        self,
        connection: AsyncConnection,
        job: Job,
        *,
        idempotency_key: str | None = None,
        forget_at: float | None = None,
    ) -> bool:
        """Write a job; ``False`` where its owner has one with the same idempotency key.

        ``forget_at`` is when the row may go, of a job that has ended already; ``finish`` sets it for the others.
        """
        insert = insert_sqlite if self._database.embedded else insert_postgresql
        payload = job.ticket if job.ticket is not None else job.call
        values = {
            "id": job.id, "kind": str(job.kind), "api": job.api, "key_id": job.key_id, "state": str(job.state),
            "ticket": msgspec.json.encode(payload).decode(),
            "result": None if job.made is None else msgspec.json.encode(job.made).decode(),
            "error_code": None if job.error_code is None else str(job.error_code),
            "error_message": job.error_message or None, "input_bytes": job.input_bytes,
            "idempotency_key": idempotency_key, "attempts": job.attempts, "fence": job.fence, "due_at": job.due_at,
            "created_at": job.created_at, "started_at": job.started_at, "completed_at": job.completed_at,
            "expires_at": job.expires_at, "forget_at": forget_at,
        }  # fmt: skip
        wanted = insert(JOBS).values(**values).on_conflict_do_nothing(index_elements=["key_id", "idempotency_key"])
        return (await connection.execute(wanted.returning(JOBS.c.id))).first() is not None

    async def claim(self, kind: Kind, job_id: str | None = None) -> Job | None:
        """Take the next due job of a kind, or that one, for the time of a lease; ``None`` where there is none."""
        now = self.clock()
        values = {"kind": str(kind), "now": now, "until": now + LEASE_SECONDS}
        async with self._database.transaction() as connection:
            if job_id is None:
                found = (await connection.execute(_CLAIM_NEXT, values)).first()
            else:
                found = (await connection.execute(_CLAIM_ONE, {**values, "id": job_id})).first()
        if found is None:
            return None
        self.attempts += 1
        return _job(found)

    async def next_due(self, kind: Kind) -> float | None:
        """When the next open job of a kind is due."""
        asked = select(func.min(JOBS.c.due_at)).where(JOBS.c.kind == str(kind), JOBS.c.state.in_(_OPEN))
        rows = await self._database.read(asked)
        return None if rows[0][0] is None else float(rows[0][0])

    @contextlib.asynccontextmanager
    async def held(self, job: Job) -> AsyncIterator[None]:
        """Keep the lease while working; the work is cancelled, and ``LeaseLost`` raised, where another one took it."""
        worker = asyncio.current_task()
        assert worker is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(_HEARTBEAT_SECONDS)
                with contextlib.suppress(Unavailable):  # the fence decides in the end
                    if not await self.renew(job):
                        lost = True
                        worker.cancel()
                        return

        beating = asyncio.create_task(beat())
        try:
            yield
        except asyncio.CancelledError:
            if lost:
                worker.uncancel()
                raise LeaseLost from None
            raise
        finally:
            beating.cancel()

    async def renew(self, job: Job) -> bool:
        """Keep a job for another lease; ``False`` where it is no longer this claim's."""
        async with self._database.transaction() as connection:
            wanted = update(JOBS).where(_claimed(job)).values(due_at=self.clock() + LEASE_SECONDS)
            return bool((await connection.execute(wanted)).rowcount)

    async def finish(
        self, connection: AsyncConnection, job: Job, *, made: Made | None = None,
        error: tuple[ErrorCode, str] | None = None, keep_seconds: float, remember_seconds: float,
    ) -> bool:  # fmt: skip
        """End a job for good; ``False`` where it is no longer this claim's: then nothing of it counts."""
        now = self.clock()
        values = {
            "state": str(State.FAILED if error else State.DONE),
            "result": None if made is None else msgspec.json.encode(made).decode(),
            "error_code": None if error is None else str(error[0]),
            "error_message": None if error is None else error[1],
            "completed_at": now,
            "expires_at": now + keep_seconds,
            "forget_at": now + max(keep_seconds, remember_seconds),
        }
        return bool((await connection.execute(update(JOBS).where(_claimed(job)).values(**values))).rowcount)

    async def give_back(self, job: Job, delay_seconds: float, *, forgiven: bool) -> float:
        """Give a claimed job back, to be taken up after a delay, which is returned.

        ``forgiven`` attempts do not count. Where the database is away, the lease runs out.
        """
        values: dict[str, Any] = {"state": str(State.QUEUED), "due_at": self.clock() + delay_seconds}
        if forgiven:
            values["attempts"] = JOBS.c.attempts - 1
        with contextlib.suppress(Unavailable):
            async with self._database.transaction() as connection:
                await connection.execute(update(JOBS).where(_claimed(job)).values(**values))
        return max(delay_seconds, _SOON_SECONDS)

    async def find(self, job_id: str) -> Job | None:
        """The job of an id."""
        rows = await self._database.read(select(JOBS).where(JOBS.c.id == job_id))
        return _job(rows[0]) if rows else None

    async def find_same(self, key_id: str, idempotency_key: str) -> Job | None:
        """The job that its owner made with an idempotency key."""
        same = and_(JOBS.c.key_id == key_id, JOBS.c.idempotency_key == idempotency_key)
        rows = await self._database.read(select(JOBS).where(same))
        return _job(rows[0]) if rows else None

    async def list(self, kind: Kind, *, limit: int = 100, state: State | None = None) -> tuple[Job, ...]:
        """The newest jobs of a kind."""
        asked = select(JOBS).where(JOBS.c.kind == str(kind)).order_by(JOBS.c.created_at.desc()).limit(limit)
        if state is not None:
            asked = asked.where(JOBS.c.state == str(state))
        return tuple(_job(row) for row in await self._database.read(asked))

    async def repeat(self, connection: AsyncConnection, job_id: str, kind: Kind) -> bool:
        """Open a job again that has ended; ``False`` where there is none."""
        ended = and_(JOBS.c.id == job_id, JOBS.c.kind == str(kind), JOBS.c.state.not_in(_OPEN))
        values = {
            "state": str(State.QUEUED), "attempts": 0, "due_at": self.clock(), "completed_at": None,
            "error_code": None, "error_message": None, "expires_at": None, "forget_at": None,
        }  # fmt: skip
        return bool((await connection.execute(update(JOBS).where(ended).values(**values))).rowcount)

    async def reopen_all(self) -> None:
        """End all leases: at the start of the only server, when nobody can be at work."""
        async with self._database.transaction() as connection:
            left = JOBS.c.state == str(State.WORKING)
            await connection.execute(update(JOBS).where(left).values(due_at=self.clock()))

    async def overdue(self, kind: Kind, seconds: float) -> tuple[tuple[str, int], ...]:
        """Open jobs that nobody took up so long after they were due, with their fences: their entry may be lost."""
        late = and_(JOBS.c.kind == str(kind), JOBS.c.state.in_(_OPEN), JOBS.c.due_at < self.clock() - seconds)
        rows = await self._database.read(select(JOBS.c.id, JOBS.c.fence).where(late).limit(1000))
        return tuple((row.id, row.fence) for row in rows)

    async def expired(self, limit: int = 500) -> tuple[str, ...]:
        """Jobs whose input and result are to go; ``clear`` says that they are gone."""
        asked = select(JOBS.c.id).where(JOBS.c.expires_at < self.clock()).limit(limit)
        return tuple(row.id for row in await self._database.read(asked))

    async def clear(self, job_ids: Iterable[str]) -> None:
        """Say that the files of jobs are gone, and delete rows whose time is over; that of an open job never is."""
        now = self.clock()
        async with self._database.transaction() as connection:
            gone = JOBS.c.id.in_(tuple(job_ids))
            await connection.execute(update(JOBS).where(gone).values(expires_at=None, result=None))
            await connection.execute(delete(JOBS).where(JOBS.c.forget_at < now))

    async def known(self, job_ids: Iterable[str]) -> frozenset[str]:
        """Those of the ids that have a row."""
        rows = await self._database.read(select(JOBS.c.id).where(JOBS.c.id.in_(tuple(job_ids))))
        return frozenset(row.id for row in rows)

    async def pace(self) -> tuple[float, int]:
        """Seconds a byte of the last pictures that were made, and the bytes that are waiting."""
        of_kind = JOBS.c.kind == str(Kind.COMPRESS)
        last = (
            select(JOBS.c.input_bytes, (JOBS.c.completed_at - JOBS.c.started_at).label("seconds"))
            .where(of_kind, JOBS.c.state == str(State.DONE), JOBS.c.started_at.is_not(None))
            .order_by(JOBS.c.completed_at.desc())
            .limit(20)
        )
        rows = await self._database.read(last)
        size, seconds = sum(row.input_bytes for row in rows), sum(row.seconds for row in rows)
        waiting = select(func.coalesce(func.sum(JOBS.c.input_bytes), 0)).where(of_kind, JOBS.c.state.in_(_OPEN))
        return (seconds / size if size else 0.0), int((await self._database.read(waiting))[0][0])

    async def summary(self) -> Summary:
        """How the queue stands now."""
        # Two questions that an index answers: a table of finished jobs is not looked through.
        kinds = JOBS.c.kind.in_([str(kind) for kind in Kind])
        grouped = select(
            JOBS.c.kind, JOBS.c.state, func.count().label("jobs"), func.min(JOBS.c.created_at).label("oldest")
        )
        standing = grouped.where(kinds, JOBS.c.state.in_(_OPEN)).group_by(JOBS.c.kind, JOBS.c.state)
        given_up = grouped.where(JOBS.c.kind == str(Kind.WEBHOOK), JOBS.c.state == str(State.FAILED))
        rows = [
            *await self._database.read(standing),
            *await self._database.read(given_up.group_by(JOBS.c.kind, JOBS.c.state)),
        ]
        found = {(row.kind, row.state): row for row in rows}

        def jobs(kind: Kind, state: State) -> int:
            return found[kind, state].jobs if (kind, state) in found else 0

        open_jobs = [row.oldest for (kind, state), row in found.items() if kind == Kind.COMPRESS and state in _OPEN]
        return Summary(
            waiting=jobs(Kind.COMPRESS, State.QUEUED),
            working=jobs(Kind.COMPRESS, State.WORKING),
            oldest_seconds=max(0.0, self.clock() - min(open_jobs)) if open_jobs else 0.0,
            webhooks_waiting=jobs(Kind.WEBHOOK, State.QUEUED) + jobs(Kind.WEBHOOK, State.WORKING),
            webhooks_failed=jobs(Kind.WEBHOOK, State.FAILED),
        )


class LeaseLost(Exception):
    """Another worker has taken the job: what was made of it here does not count."""


def _claimed(job: Job) -> ColumnElement[bool]:
    return and_(JOBS.c.id == job.id, JOBS.c.fence == job.fence, JOBS.c.state == str(State.WORKING))


def _job(row: Row[Any]) -> Job:
    kind = Kind(row.kind)
    return Job(
        id=row.id,
        kind=kind,
        api=row.api,
        key_id=row.key_id,
        state=State(row.state),
        input_bytes=row.input_bytes,
        attempts=row.attempts,
        fence=row.fence,
        due_at=row.due_at,
        created_at=row.created_at,
        ticket=msgspec.json.decode(row.ticket, type=Ticket) if kind is Kind.COMPRESS else None,
        call=msgspec.json.decode(row.ticket, type=Call) if kind is Kind.WEBHOOK else None,
        made=msgspec.json.decode(row.result, type=Made) if row.result else None,
        error_code=ErrorCode(row.error_code) if row.error_code else None,
        error_message=row.error_message or "",
        started_at=row.started_at,
        completed_at=row.completed_at,
        expires_at=row.expires_at,
    )

"""The rows of jobs: written in one transaction with their queue entry, claimed by lease, ended by the last claim."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.errors import Unavailable
from pixlean.domain.task import Deferred, Job, Kind, Notice, State
from pixlean.jobs.claims import CLAIM_NEXT, CLAIM_ONE, OWNERS, Owners, is_claim
from pixlean.jobs.columns import columns_of, columns_of_end, task_of
from pixlean.jobs.contract import Taken
from pixlean.state.database import Database
from pixlean.state.schema import JOBS

LEASE_SECONDS = 12.0
_HEARTBEAT_SECONDS = 3.0
_SOON_SECONDS = 0.05
# Pictures are tried again within seconds, and a lease is short; webhooks have pauses of their own.
_MOST_PAUSE_SECONDS = 60.0
_OPEN = ("queued", "working")


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
    return secrets.token_hex(16)  # 128 random bits


class Jobs:
    """All jobs and notices of one database; a webhook waits ``longest_pause`` seconds at most for its next try.

    ``attempts`` counts every claim of this process.
    """

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, longest_pause: float = 14 * 3600.0
    ) -> None:
        self._database = database
        self._longest_pause = longest_pause
        self.clock = clock
        self.attempts = 0
        self._owners = Owners()

    def transaction(self) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
        """A transaction in which jobs are written together with what belongs to them."""
        return self._database.transaction()

    async def persist(self) -> None:
        """Wait until what was committed survives a power cut."""
        await self._database.persist()

    async def add(
        self,
        connection: AsyncConnection,
        task: Job | Notice,
        *,
        idempotency_key: str | None = None,
        forget_at: float | None = None,
    ) -> bool:
        """Write a task; ``False`` where its owner has one with the same idempotency key.

        ``forget_at`` is when the row may go, of a task that has ended already; ``finish`` sets it for the others.
        """
        insert = insert_sqlite if self._database.embedded else insert_postgresql
        values = {**columns_of(task), "idempotency_key": idempotency_key, "forget_at": forget_at}
        wanted = insert(JOBS).values(**values).on_conflict_do_nothing(index_elements=["key_id", "idempotency_key"])
        return (await connection.execute(wanted.returning(JOBS.c.id))).first() is not None

    async def claim(self, takes: type[Taken], task_id: str | None = None) -> Taken | None:
        """Take the next due task of a type, or that one, for the time of a lease; ``None`` where there is none."""
        now = self.clock()
        values = {
            "kind": str(takes.kind), "now": now, "until": now + LEASE_SECONDS, "horizon": self._horizon(takes.kind),
        }  # fmt: skip
        if task_id is None:
            row = await self._claimed_next(takes.kind, values)
        else:
            row = await self._claimed_by(CLAIM_ONE, {**values, "id": task_id})
        if row is None:
            return None
        self.attempts += 1
        return _typed(row, takes)

    async def _claimed_next(self, kind: Kind, values: dict[str, Any]) -> Row[Any] | None:
        """The next task of the owner whose turn it is; where others were faster, of the one after."""
        asked = OWNERS.bindparams(**{name: values[name] for name in ("kind", "now", "horizon")})
        while (whose := self._owners.next_of(kind, await self._database.read(asked))) is not None:
            if (row := await self._claimed_by(CLAIM_NEXT, {**values, "key_id": whose})) is not None:
                return row
        return None

    async def _claimed_by(self, statement: TextClause, values: dict[str, Any]) -> Row[Any] | None:
        async with self._database.transaction() as connection:
            return (await connection.execute(statement, values)).first()

    async def next_due(self, kind: Kind) -> float | None:
        """When the next open job of a kind is due."""
        due = (func.min(JOBS.c.due_at).label("first"), func.max(JOBS.c.due_at).label("last"))
        asked = select(*due).where(JOBS.c.kind == str(kind), JOBS.c.state.in_(_OPEN))
        row = (await self._database.read(asked))[0]
        if row.first is None:
            return None
        return self.clock() if row.last > self._horizon(kind) else float(row.first)

    def _horizon(self, kind: Kind) -> float:
        """No task waits longer than until then: what is due later was written by a clock that has been set back."""
        return self.clock() + (self._longest_pause if kind is Kind.WEBHOOK else _MOST_PAUSE_SECONDS)

    @contextlib.asynccontextmanager
    async def held(self, task: Deferred) -> AsyncIterator[None]:
        """Keep the lease while working; the work is cancelled, and ``LeaseLost`` raised, where another one took it."""
        worker = asyncio.current_task()
        assert worker is not None
        lost = False

        async def beat() -> None:
            nonlocal lost
            while True:
                await asyncio.sleep(_HEARTBEAT_SECONDS)
                with contextlib.suppress(Unavailable):  # the fence decides in the end
                    if not await self.renew(task):
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

    async def renew(self, task: Deferred) -> bool:
        """Keep a task for another lease; ``False`` where it is no longer this claim's."""
        async with self._database.transaction() as connection:
            wanted = update(JOBS).where(is_claim(task)).values(due_at=self.clock() + LEASE_SECONDS)
            return bool((await connection.execute(wanted)).rowcount)

    async def finish(
        self, connection: AsyncConnection, ended: Deferred, *, keep_seconds: float, remember_seconds: float
    ) -> bool:
        """End a claimed task for good, now and as ``ended`` says; ``False`` where it is no longer this claim's.

        Then nothing of it counts.
        """
        now = self.clock()
        values = {
            **columns_of_end(ended),
            "completed_at": now,
            "expires_at": now + keep_seconds,
            "forget_at": now + max(keep_seconds, remember_seconds),
        }
        return bool((await connection.execute(update(JOBS).where(is_claim(ended)).values(**values))).rowcount)

    async def give_back(self, task: Deferred, delay_seconds: float, *, forgiven: bool) -> float:
        """Give a claimed task back, to be taken up after a delay, which is returned.

        ``forgiven`` attempts do not count. Where the database is away, the lease runs out.
        """
        values: dict[str, Any] = {"state": str(State.QUEUED), "due_at": self.clock() + delay_seconds}
        if forgiven:
            values["attempts"] = JOBS.c.attempts - 1
        with contextlib.suppress(Unavailable):
            async with self._database.transaction() as connection:
                await connection.execute(update(JOBS).where(is_claim(task)).values(**values))
        return max(delay_seconds, _SOON_SECONDS)

    async def find(self, takes: type[Taken], task_id: str) -> Taken | None:
        """The task of an id, where it is of this type."""
        rows = await self._database.read(select(JOBS).where(JOBS.c.id == task_id))
        return _typed(rows[0], takes) if rows else None

    async def find_same(self, key_id: str, idempotency_key: str) -> Job | None:
        """The job that its owner made with an idempotency key."""
        same = and_(JOBS.c.key_id == key_id, JOBS.c.idempotency_key == idempotency_key)
        rows = await self._database.read(select(JOBS).where(same))
        return _typed(rows[0], Job) if rows else None

    async def list(self, takes: type[Taken], *, limit: int = 100, state: State | None = None) -> tuple[Taken, ...]:
        """The newest tasks of a type."""
        asked = select(JOBS).where(JOBS.c.kind == str(takes.kind)).order_by(JOBS.c.created_at.desc()).limit(limit)
        if state is not None:
            asked = asked.where(JOBS.c.state == str(state))
        tasks = [_typed(row, takes) for row in await self._database.read(asked)]
        return tuple(task for task in tasks if task is not None)

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
        due = or_(JOBS.c.due_at < self.clock() - seconds, JOBS.c.due_at > self._horizon(kind))
        late = and_(JOBS.c.kind == str(kind), JOBS.c.state.in_(_OPEN), due)
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
        """How the queue stands now: two questions that an index answers, of finished jobs it is not looked through."""
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


def _typed(row: Row[Any], takes: type[Taken]) -> Taken | None:
    task = task_of(row)
    return task if isinstance(task, takes) else None

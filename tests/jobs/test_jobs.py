"""Jobs on both databases and both queues: at least once handed out, once in effect."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pgqueuer import QueueManager
from pgqueuer.domain.errors import FailingListenerError
from sqlalchemy import insert

from databases import database
from pixlean.access.usage import Ledger
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.domain.task import Call, Job, JobResult, Kind, Notice, Price, State, Ticket
from pixlean.jobs.contract import Post, Queue
from pixlean.jobs.postgresql import PostgresqlQueue
from pixlean.jobs.rows import RowQueue
from pixlean.jobs.store import LEASE_SECONDS, Jobs, LeaseLost, new_id
from pixlean.service.submit import Settings as SubmitSettings
from pixlean.service.submit import Submit
from pixlean.state.database import Database
from pixlean.state.schema import JOBS
from pixlean.state.settings import Settings
from pixlean.storage.blobs import Blobs
from pixlean.storage.blobs import Settings as BlobSettings


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def opened(state: Settings, clock: Callable[[], float] | None = None) -> AsyncIterator[tuple[Jobs, Queue]]:
    database = Database(state)
    jobs = Jobs(database, clock) if clock else Jobs(database)
    queue: Queue = PostgresqlQueue(jobs, state.url) if state.url else RowQueue(jobs)
    try:
        yield jobs, queue
    finally:
        await database.close()


def ticket(api: str = "test", key_id: str = "k") -> Ticket:
    return Ticket(api=api, key_id=key_id, recipe=Recipe(), keep_seconds=100.0)


def written(now: float, key_id: str = "k") -> Job:
    return Job(
        id=new_id(), state=State.QUEUED, input_bytes=10, attempts=0, fence=0, due_at=now, created_at=now,
        ticket=ticket(key_id=key_id),
    )  # fmt: skip


async def accept(jobs: Jobs, queue: Queue, *, same: str | None = None, key_id: str = "k") -> Job | None:
    job = written(jobs.clock(), key_id)
    async with jobs.transaction() as connection:
        if not await jobs.add(connection, job, idempotency_key=same):
            return None
        await queue.announce(connection, Kind.COMPRESS, job.id)
    queue.wake()
    return job


RESULT = JobResult(key="jobs/x/result-1", format="jpeg", original_bytes=10, size_bytes=5, width_px=1, height_px=1)  # type: ignore[arg-type]


async def end(jobs: Jobs, job: Job) -> bool:
    async with jobs.transaction() as connection:
        return await jobs.finish(connection, job.succeeded(RESULT), keep_seconds=100, remember_seconds=200)


def tell(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def test_of_many_workers_one_claims_a_job(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, queue):
            made = await accept(jobs, queue)
            assert made is not None
            claims = await asyncio.gather(*(jobs.claim(Job, made.id) for _ in range(8)))
            (claim,) = [claim for claim in claims if claim]
            assert (claim.id, claim.attempts, claim.fence, claim.state) == (made.id, 1, 1, State.WORKING)
            assert claim.ticket == ticket() and await jobs.claim(Job) is None

    tell(story)


def test_a_job_is_had_again_after_its_lease_and_only_the_last_claim_ends_it(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            await accept(jobs, queue)
            first = await jobs.claim(Job)
            clock.now += LEASE_SECONDS - 1
            assert first is not None and await jobs.renew(first)
            clock.now += LEASE_SECONDS - 1
            assert await jobs.claim(Job) is None
            clock.now += 2
            second = await jobs.claim(Job)
            assert second is not None and second.fence == 2 and second.attempts == 2
            assert not await end(jobs, first) and not await jobs.renew(first)
            assert await end(jobs, second) and not await end(jobs, second)
            found = await jobs.find(Job, second.id)
            assert found is not None and found.state is State.DONE and found.result == RESULT
            assert found.completed_at == clock.now and found.expires_at == clock.now + 100

    tell(story)


def test_a_job_that_is_given_back_waits_and_may_be_forgiven(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            await accept(jobs, queue)
            claim = await jobs.claim(Job)
            assert claim is not None
            await jobs.give_back(claim, 5.0, forgiven=True)
            assert await jobs.claim(Job) is None
            clock.now += 6
            again = await jobs.claim(Job)
            assert again is not None and again.attempts == 1 and again.fence == 2

    tell(story)


def test_a_worker_whose_lease_was_taken_is_told(state: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixlean.jobs.store._HEARTBEAT_SECONDS", 0.05)

    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            await accept(jobs, queue)
            claim = await jobs.claim(Job)
            assert claim is not None

            async def work() -> None:
                async with jobs.held(claim):
                    await asyncio.sleep(30)

            task = asyncio.create_task(work())
            await asyncio.sleep(0.2)
            while await jobs.claim(Job) is None:  # a heartbeat may have come first
                clock.now += LEASE_SECONDS + 1
            with pytest.raises(LeaseLost):
                await task

    tell(story)


def test_an_idempotency_key_makes_one_job_of_its_owner(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, queue):
            made = await asyncio.gather(*(accept(jobs, queue, same="test:a") for _ in range(6)))
            (first,) = [job for job in made if job]
            found = await jobs.find_same("k", "test:a")
            assert found is not None and found.id == first.id
            assert await accept(jobs, queue, same="test:a", key_id="other") is not None
            assert await jobs.find_same("k", "test:b") is None

    tell(story)


def test_what_is_rolled_back_is_neither_a_job_nor_handed_out(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, queue):
            handed: list[str] = []

            async def handler(job: Job) -> None:
                handed.append(job.id)
                await end(jobs, job)

            with pytest.raises(RuntimeError):
                async with jobs.transaction() as connection:
                    lost = written(jobs.clock())
                    await jobs.add(connection, lost)
                    await queue.announce(connection, Kind.COMPRESS, lost.id)
                    raise RuntimeError
            running = asyncio.create_task(queue.run((Post(takes=Job, slots=2, handler=handler),)))
            kept = await accept(jobs, queue)
            await until(lambda: len(handed) == 1)
            await asyncio.sleep(0.3)
            assert kept is not None and handed == [kept.id]
            await stop(queue, running)

    tell(story)


async def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


async def stop(queue: Queue, running: asyncio.Task[None]) -> None:
    await queue.drain(5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_every_job_is_handed_out_and_ends_once(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, queue):
            ended: list[str] = []
            at_once, most = 0, 0

            async def handler(job: Job) -> float | None:
                nonlocal at_once, most
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0.01)
                at_once -= 1
                if job.attempts == 1 and len(ended) % 3 == 0:
                    return await jobs.give_back(job, 0.1, forgiven=False)
                if await end(jobs, job):
                    ended.append(job.id)
                return None

            running = asyncio.create_task(queue.run((Post(takes=Job, slots=2, handler=handler),)))
            made = [await accept(jobs, queue) for _ in range(40)]
            await until(lambda: len(ended) == 40)
            assert sorted(ended) == sorted(job.id for job in made if job) and most <= 2
            await stop(queue, running)
            summary = await jobs.summary()
            assert (summary.waiting, summary.working) == (0, 0)

    tell(story)


def test_a_handler_that_fails_unexpectedly_costs_a_lease_not_the_job(
    state: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixlean.jobs.store.LEASE_SECONDS", 1.0)
    monkeypatch.setattr("pixlean.jobs.postgresql.LEASE_SECONDS", 1.0)

    async def story() -> None:
        async with opened(state) as (jobs, queue):
            seen: list[int] = []

            async def handler(job: Job) -> None:
                seen.append(job.attempts)
                if job.attempts == 1:
                    raise ZeroDivisionError
                await end(jobs, job)

            running = asyncio.create_task(queue.run((Post(takes=Job, slots=1, handler=handler),)))
            await accept(jobs, queue)
            await until(lambda: seen == [1, 2])
            await stop(queue, running)

    tell(story)


def test_a_lost_entry_is_found_by_the_rows(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            job = await accept(jobs, queue)
            assert await jobs.overdue(Kind.COMPRESS, 10) == ()
            clock.now += 11
            assert job is not None and await jobs.overdue(Kind.COMPRESS, 10) == ((job.id, 0),)

    tell(story)


def test_expired_jobs_are_cleared_in_two_steps(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            await accept(jobs, queue, same="test:x")
            claim = await jobs.claim(Job)
            assert claim is not None and await end(jobs, claim)
            assert await jobs.expired() == ()
            clock.now += 101
            assert await jobs.expired() == (claim.id,)
            await jobs.clear([claim.id])
            left = await jobs.find(Job, claim.id)
            assert left is not None and left.result is None and await jobs.expired() == ()
            clock.now += 100
            await jobs.clear([])
            assert await jobs.find(Job, claim.id) is None and await jobs.known([claim.id]) == frozenset()

    tell(story)


def test_a_job_that_waits_for_days_is_not_forgotten(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            database = Database(state)
            blobs = Blobs(BlobSettings(folder=state.folder / "blobs"))
            submit = Submit(jobs, queue, blobs, None, Ledger(database, 60), SubmitSettings(), clock)  # type: ignore[arg-type]
            wanted = replace(ticket(), source_url="https://x.example/a.jpg")
            waiting = await submit.later(wanted, None, "a")
            clock.now += 3 * 86_400
            await jobs.clear([])
            found = await submit.same(wanted, "a")
            assert found is not None and found.id == waiting.id and found.is_open
            await database.close()

    tell(story)


def test_rows_of_former_versions_are_read(state: Settings) -> None:
    """Tickets named a meter and no price, and neither they nor calls said whose they are: the row does."""

    async def story() -> None:
        async with opened(state) as (jobs, _):
            common = {
                "api": "picwish", "key_id": "k", "state": "queued", "input_bytes": 1, "attempts": 0, "fence": 0,
                "due_at": 1.0, "created_at": 1.0,
            }  # fmt: skip
            old_ticket = (
                '{"recipe":{"quality":70},"keep_seconds":60.0,"inputs":["png"],"meter":"picwish","notes":{"a":"b"}}'
            )
            unmetered = '{"recipe":{},"keep_seconds":60.0,"meter":null}'
            old_result = '{"key":"k","format":"png","original_bytes":4,"size_bytes":1,"width_px":1,"height_px":1}'
            old_call = '{"url":"https://x.example/","body":"{}","job_id":"a"}'
            async with jobs.transaction() as connection:
                rows = [
                    {**common, "id": "a", "kind": "compress", "ticket": old_ticket, "result": old_result},
                    {**common, "id": "b", "kind": "compress", "ticket": unmetered, "result": None},
                    {**common, "id": "msg_a", "kind": "webhook", "ticket": old_call, "result": None},
                ]
                await connection.execute(insert(JOBS), rows)
            job, plain, notice = await jobs.find(Job, "a"), await jobs.find(Job, "b"), await jobs.find(Notice, "msg_a")
            assert job is not None and plain is not None and notice is not None
            assert (job.api, job.key_id, job.ticket.recipe.quality) == ("picwish", "k", 70)
            assert job.ticket.price == Price(meter="picwish", units=1, large_px=4096, large_units=2)
            assert job.result is not None and job.result.savings_percent == 75 and plain.ticket.price is None
            assert (notice.api, notice.key_id, notice.call.job_id) == ("picwish", "k", "a")
            assert await jobs.find(Notice, "a") is None and await jobs.find(Job, "msg_a") is None

    tell(story)


def test_what_is_written_is_read_as_it_was(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, _):
            price = Price(meter="picwish", units=3, large_px=10, large_units=7)
            job = replace(written(1.0), ticket=replace(ticket(), price=price, inputs=frozenset({Format.PNG})))
            call = Call(url="https://x.example/", body="{}", job_id=job.id, api="test", key_id="k")
            notice = Notice(
                id="msg", state=State.QUEUED, input_bytes=2, attempts=0, fence=0, due_at=1.0, created_at=1.0, call=call
            )
            async with jobs.transaction() as connection:
                assert await jobs.add(connection, job) and await jobs.add(connection, notice)
            assert await jobs.find(Job, job.id) == job and await jobs.find(Notice, "msg") == notice
            assert [each.id for each in await jobs.list(Notice)] == ["msg"]

    tell(story)


@pytest.mark.parametrize(("source_px", "units"), [((4096, 10), 1), ((10, 4097), 2), ((5000, 5000), 2)])
def test_a_price_is_that_of_the_longest_side(source_px: tuple[int, int], units: int) -> None:
    assert Price(meter="m", units=1, large_px=4096, large_units=2).of(source_px) == units
    assert Price(meter="m", units=3).of(source_px) == 3


def test_the_pace_is_that_of_the_last_pictures(state: Settings) -> None:
    async def story() -> None:
        clock = Clock()
        async with opened(state, clock) as (jobs, queue):
            assert await jobs.pace() == (0.0, 0)
            await accept(jobs, queue)
            claim = await jobs.claim(Job)
            clock.now += 5
            assert claim is not None and await end(jobs, claim)
            await accept(jobs, queue)
            assert await jobs.pace() == (0.5, 10)

    tell(story)


def test_a_lost_entry_is_announced_again(state: Settings) -> None:
    async def story() -> None:
        async with opened(state) as (jobs, queue):
            seen: list[str] = []

            async def handler(job: Job) -> None:
                seen.append(job.id)
                await end(jobs, job)

            lost = written(jobs.clock() - 60)
            async with jobs.transaction() as connection:
                await jobs.add(connection, lost)  # and no entry
            running = asyncio.create_task(queue.run((Post(takes=Job, slots=2, handler=handler),)))
            late = await jobs.overdue(Kind.COMPRESS, 20)
            for _ in range(3):
                async with jobs.transaction() as connection:
                    await queue.announce_again(connection, Kind.COMPRESS, late)
            await until(lambda: seen == [lost.id])
            await stop(queue, running)

    tell(story)


@pytest.mark.parametrize("fault", [asyncpg.InternalClientError("busy"), FailingListenerError(), KeyError("x")])
def test_no_fault_of_a_cut_connection_ends_a_queue_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    real, runs = QueueManager.run, 0

    async def run(manager: QueueManager, **settings: Any) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise fault
        await real(manager, **settings)

    monkeypatch.setattr(QueueManager, "run", run)

    async def story(state: Settings) -> None:
        async with opened(state) as (jobs, queue):
            seen: list[str] = []

            async def handler(job: Job) -> None:
                seen.append(job.id)
                await end(jobs, job)

            running = asyncio.create_task(queue.run((Post(takes=Job, slots=2, handler=handler),)))
            job = await accept(jobs, queue)
            await until(lambda: runs == 2 and len(seen) == 1)
            assert job is not None and seen == [job.id] and not running.done()
            await stop(queue, running)

    with database("postgresql", tmp_path) as state:
        tell(lambda: story(state))


def test_a_clock_that_is_set_back_holds_no_task_for_a_day(state: Settings) -> None:
    now = [1_000_000.0]

    async def story() -> None:
        database = Database(state)
        try:
            jobs = Jobs(database, clock=lambda: now[0], longest_pause=3600.0)
            job = Job(
                id="a", state=State.QUEUED, input_bytes=1, attempts=0, fence=0, due_at=now[0] + 86_400,
                created_at=now[0], ticket=Ticket(recipe=Recipe(quality=80), keep_seconds=60.0),
            )  # fmt: skip
            async with jobs.transaction() as connection:
                await jobs.add(connection, job)
            assert await jobs.next_due(Kind.COMPRESS) == now[0]
            assert [each for each, _ in await jobs.overdue(Kind.COMPRESS, 6.0)] == ["a"]
            assert await jobs.claim(Job) is not None
            assert await jobs.claim(Job) is None  # its lease is no jump
            await jobs.persist()
        finally:
            await database.close()

    asyncio.run(story())


def test_owners_take_turns_however_many_jobs_one_has(state: Settings) -> None:
    async def story() -> list[str]:
        database = Database(state)
        jobs, order = Jobs(database), list[str]()
        queue: Queue = RowQueue(jobs) if database.embedded else PostgresqlQueue(jobs, state.url)

        async def work(job: Job) -> None:
            order.append(job.ticket.key_id)
            async with jobs.transaction() as connection:
                await jobs.finish(connection, replace(job, state=State.DONE), keep_seconds=60, remember_seconds=60)

        async def add(key_id: str, number: int) -> None:
            now = jobs.clock()
            job = Job(
                id=f"{key_id}-{number}", state=State.QUEUED, input_bytes=1, attempts=0, fence=0, due_at=now,
                created_at=now, ticket=Ticket(recipe=Recipe(quality=80), keep_seconds=60.0, key_id=key_id),
            )  # fmt: skip
            async with jobs.transaction() as connection:
                await jobs.add(connection, job)
                await queue.announce(connection, Kind.COMPRESS, job.id)

        for number in range(12):
            await add("noisy", number)
        for number in range(2):
            await add("quiet", number)
        running = asyncio.create_task(queue.run((Post(takes=Job, slots=1, handler=work),)))
        try:
            async with asyncio.timeout(60):
                while len(order) < 14:
                    await asyncio.sleep(0.02)
        finally:
            await queue.drain(1.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await database.close()
        return order

    order = asyncio.run(story())
    assert max(at for at, key_id in enumerate(order) if key_id == "quiet") < 6, order


def test_an_idle_queue_looks_at_the_rows_once_a_second_however_many_hands_it_has() -> None:
    async def story() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Settings(folder=Path(folder))) as (jobs, queue):
                looked = 0
                next_due = jobs.next_due

                async def counted(kind: Kind) -> float | None:
                    nonlocal looked
                    looked += 1
                    return await next_due(kind)

                jobs.next_due = counted  # type: ignore[method-assign]
                done: list[str] = []

                async def handle(job: Job) -> None:
                    await asyncio.sleep(0.2)
                    done.append(job.id)
                    await end(jobs, job)

                running = asyncio.create_task(queue.run((Post(takes=Job, slots=16, handler=handle),)))
                await asyncio.sleep(2.5)
                assert 1 <= looked <= 4
                began = time.monotonic()
                for _ in range(16):
                    await accept(jobs, queue)
                while len(done) < 16:
                    await asyncio.sleep(0.02)
                assert time.monotonic() - began < 2.5  # side by side, not 3.2 s one after another
                running.cancel()
                await asyncio.wait([running])

    tell(story)

"""The ledger, on both databases: no lost and no double count."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pixlean.access.usage import Ledger, QuotaExceeded, Usage, month_of, usage_of
from pixlean.domain.caller import DEVELOPER, Caller, Tier
from pixlean.domain.errors import ErrorCode
from pixlean.state.database import Database
from pixlean.state.settings import Settings
from pixlean.web.dialects.optipic.settings import TARIFF

FREE = Caller(key_id="key_free", name="Ada", tier=Tier.FREE)
PAYG = Caller(key_id="key_payg", name="Bob", tier=Tier.PAYG)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 6, 30, 23, 59, 58, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


def tell(state: Settings, story: Callable[[Ledger, Clock], Awaitable[None]]) -> None:
    async def run() -> None:
        database, clock = Database(state), Clock()
        try:
            await story(Ledger(database, 100.0, clock=clock), clock)
        finally:
            await database.close()

    asyncio.run(run())


async def used(ledger: Ledger, caller: Caller = FREE) -> int:
    return (await ledger.standing(caller, TARIFF)).used


def test_work_that_ends_well_counts_and_work_that_fails_does_not(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        async with ledger.debited(FREE, TARIFF, "r1") as debit:
            assert debit.used == 1
        with pytest.raises(RuntimeError):
            async with ledger.debited(FREE, TARIFF, "r2"):
                raise RuntimeError
        assert await used(ledger) == 1

    tell(state, story)


def test_a_cancelled_request_is_refunded(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        async def work() -> None:
            async with ledger.debited(FREE, TARIFF, "r"):
                await asyncio.sleep(60)

        task = asyncio.create_task(work())
        while not await used(ledger):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await used(ledger) == 0

    tell(state, story)


def test_a_request_that_goes_while_it_is_debited_is_refunded(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        async def work() -> None:
            async with ledger.debited(FREE, TARIFF, "r"):
                await asyncio.sleep(60)

        await used(ledger)
        for turns in range(12):
            task = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await used(ledger) == 0

    tell(state, story)


def test_what_a_busy_database_could_not_settle_is_settled_a_moment_later(tmp_path: Path) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        other = sqlite3.connect(tmp_path / "pixlean.db", isolation_level=None, check_same_thread=False)

        def lock_for(seconds: float) -> None:
            other.execute("BEGIN EXCLUSIVE")
            asyncio.get_running_loop().call_later(seconds, other.execute, "ROLLBACK")

        async with ledger.debited(FREE, TARIFF, "kept"):
            lock_for(2.5)
        with pytest.raises(RuntimeError):
            async with ledger.debited(FREE, TARIFF, "refunded"):
                lock_for(2.5)
                raise RuntimeError
        assert await used(ledger) == 1 and await ledger.refund_lost(all_held=True) == 0

    tell(Settings(folder=tmp_path), story)


def test_of_many_at_once_exactly_the_quota_is_let_in(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        for _ in range(490):
            await ledger.keep(await ledger.hold(FREE, TARIFF, "r"))

        async def work() -> bool:
            try:
                async with ledger.debited(FREE, TARIFF, "r"):
                    await asyncio.sleep(0.01)
                return True
            except QuotaExceeded as error:
                assert error.code is ErrorCode.QUOTA_EXCEEDED and error.facts["limit"] == 500
                assert error.facts["reset_at"] == "2026-07-01T00:00:00.000Z"
                return False

        assert sum(await asyncio.gather(*(work() for _ in range(60)))) == 10
        assert await used(ledger) == 500

    tell(state, story)


def test_what_a_dead_server_held_is_given_back_once(state: Settings) -> None:
    async def story(ledger: Ledger, clock: Clock) -> None:
        await ledger.hold(FREE, TARIFF, "lost")
        slow = await ledger.hold(FREE, TARIFF, "slow")
        done = await ledger.hold(FREE, TARIFF, "done")
        await ledger.keep(done)
        assert await ledger.refund_lost() == 0 and await used(ledger) == 3
        clock.now += 101
        month = "2026-06"
        assert await ledger.refund_lost() == 2 and await ledger.refund_lost() == 0
        (row,) = await ledger.months({}, month=month)
        assert row.used == 1
        # It was only slow after all: it counts, in the month in which it began.
        await ledger.keep(slow)
        (row,) = await ledger.months({}, month=month)
        assert row.used == 2

    tell(state, story)


def test_a_second_refund_gives_nothing(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        debit = await ledger.hold(FREE, TARIFF, "r")
        await asyncio.gather(*(ledger.refund(debit) for _ in range(5)))
        assert await used(ledger) == 0

    tell(state, story)


def test_a_month_ends_at_midnight_in_utc(state: Settings) -> None:
    async def story(ledger: Ledger, clock: Clock) -> None:
        await ledger.keep(await ledger.hold(FREE, TARIFF, "june"))
        clock.now += 3
        assert await used(ledger) == 0
        await ledger.keep(await ledger.hold(FREE, TARIFF, "july"))
        rows = await ledger.months({FREE.key_id: FREE}, key_id=FREE.key_id)
        assert [(row.month, row.used) for row in rows] == [("2026-06", 1), ("2026-07", 1)]

    tell(state, story)


def test_payg_and_dev_go_on(state: Settings) -> None:
    async def story(ledger: Ledger, _: Clock) -> None:
        for caller in (PAYG, DEVELOPER):
            await ledger.keep(await ledger.hold(caller, TARIFF, "r", amount=501))
        paid, dev = [await ledger.standing(caller, TARIFF) for caller in (PAYG, DEVELOPER)]
        assert (paid.included, paid.remaining, paid.overage, paid.cost_usd) == (500, 0, 1, 0.009)
        assert (dev.included, dev.remaining, dev.overage, dev.cost_usd) == (None, None, 0, 0.0)

    tell(state, story)


@pytest.mark.parametrize(
    ("requests", "cost"),
    [(0, 0.0), (500, 0.0), (501, 0.009), (10_000, 85.5), (10_001, 85.502), (20_000, 105.5)],
)
def test_the_price_table(requests: int, cost: float) -> None:
    # OptiPic's documentation, "Rate limits": 500 free, then $0.009 up to 10 000, then $0.002.
    assert TARIFF.cost_micro_usd(requests, Tier.PAYG) / 1e6 == pytest.approx(cost)


def test_december_is_followed_by_january() -> None:
    year = usage_of(FREE, TARIFF, "2026-12", 3)
    assert isinstance(year, Usage) and year.reset_at == "2027-01-01T00:00:00.000Z"
    assert month_of(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()) == "2026-12"

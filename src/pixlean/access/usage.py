"""Usage by key, meter and calendar month (UTC): debited before the work, kept after it, refunded where it failed."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.access.tariffs import Tariff
from pixlean.domain.caller import Caller, Tier
from pixlean.domain.errors import ErrorCode, LimitExceeded, Unavailable
from pixlean.state.database import Database
from pixlean.state.schema import DEBITS, USAGE

# The ledger is for those who check the sums: this month's and the last one's.
_LEDGER_DAYS = 70
# A database that was too busy to settle a debit is asked again after these, before the debit stays held.
_SETTLE_PAUSES_SECONDS = (1.1, 2.2, 4.4)

# One statement, so that no two requests can both take the last place; the same on SQLite and PostgreSQL.
_ADD = text(
    "INSERT INTO usage (key_id, meter, month, used) VALUES (:key_id, :meter, :month, :amount)"
    " ON CONFLICT (key_id, meter, month) DO UPDATE SET used = usage.used + excluded.used RETURNING used"
)
_ADD_UP_TO = text(
    "INSERT INTO usage (key_id, meter, month, used) VALUES (:key_id, :meter, :month, :amount)"
    " ON CONFLICT (key_id, meter, month) DO UPDATE SET used = usage.used + excluded.used"
    " WHERE usage.used + excluded.used <= :most RETURNING used"
)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a key used of one meter in one month; ``limit`` and ``remaining`` are ``None`` where there is no limit."""

    key_id: str
    tier: Tier
    meter: str
    unit: str
    month: str
    used: int
    included: int | None
    limit: int | None
    overage: int
    cost_usd: float

    @property
    def remaining(self) -> int | None:
        """What is left of what is included."""
        return None if self.included is None else max(0, self.included - self.used)

    @property
    def reset_at(self) -> str:
        """When the next month begins, ISO 8601 in UTC."""
        year, month = (int(part) for part in self.month.split("-"))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return f"{year:04d}-{month:02d}-01T00:00:00.000Z"


class QuotaExceeded(LimitExceeded):
    """The month's quota is used up; ``usage`` says how much it was and when the next one begins."""

    code = ErrorCode.QUOTA_EXCEEDED

    def __init__(self, usage: Usage) -> None:
        super().__init__("Monthly request limit reached", facts={"limit": usage.limit, "reset_at": usage.reset_at})
        self.usage = usage


@dataclass(frozen=True, kw_only=True)
class Debit:
    """What one request holds of a meter; ``used`` is the month's sum with it."""

    id: str
    key_id: str
    meter: str
    month: str
    amount: int
    used: int


class Ledger:
    """The usage of all keys.

    ``hold_seconds`` is how long a request may take before its debit is given back; ``tariffs`` are those of the APIs.
    """

    def __init__(
        self, database: Database, hold_seconds: float, tariffs: Iterable[Tariff] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._tariffs = {tariff.meter: tariff for tariff in tariffs}
        self._database = database
        self._hold_seconds = hold_seconds
        self._clock = clock

    @contextlib.asynccontextmanager
    async def debited(self, caller: Caller, tariff: Tariff, request_id: str, amount: int = 1) -> AsyncIterator[Debit]:
        """Work that is counted: kept where it ends well, refunded where it raises or is cancelled.

        Raises ``QuotaExceeded``, and ``Unavailable`` where nothing can be counted: then nothing was done.
        """
        debit = await self._held(caller, tariff, request_id, amount)
        try:
            yield debit
        except BaseException:
            # Where the database stays lost, the hold runs out and is refunded then.
            with contextlib.suppress(Unavailable):
                await _to_the_end(_patiently(lambda: self.refund(debit)))
            raise
        await _to_the_end(_patiently(lambda: self.keep(debit)))

    async def _held(self, caller: Caller, tariff: Tariff, request_id: str, amount: int) -> Debit:
        """A debit, given back where who asked for it is gone before it is there."""
        task = asyncio.ensure_future(self.hold(caller, tariff, request_id, amount))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await self.refund(await task)
            raise

    async def hold(self, caller: Caller, tariff: Tariff, request_id: str, amount: int = 1) -> Debit:
        """Take from the month's quota. Raises ``QuotaExceeded``."""
        now = self._clock()
        month = month_of(now)
        most = tariff.limit(caller.tier)
        entry = {"key_id": caller.key_id, "meter": tariff.meter, "month": month, "amount": amount}
        async with self._database.transaction() as connection:
            if most is None:
                used = (await connection.execute(_ADD, entry)).scalar()
            elif amount <= most:
                used = (await connection.execute(_ADD_UP_TO, {**entry, "most": most})).scalar()
            else:
                used = None
            if used is None:
                raise QuotaExceeded(await self._read(connection, caller, tariff, month))
            debit = Debit(
                id=str(uuid.uuid4()), key_id=caller.key_id, meter=tariff.meter, month=month, amount=amount, used=used
            )
            await connection.execute(
                insert(DEBITS).values(
                    **entry, id=debit.id, request_id=request_id, created_at=now, held_until=now + self._hold_seconds
                )
            )
        return debit

    async def keep(self, debit: Debit) -> None:
        """The work was done; counted again where it took so long that it had been given back."""
        done = update(DEBITS).where(DEBITS.c.id == debit.id).values(held_until=None)
        async with self._database.transaction() as connection:
            if not (await connection.execute(done)).rowcount:
                entry = {"key_id": debit.key_id, "meter": debit.meter, "month": debit.month}
                await connection.execute(_ADD, {**entry, "amount": debit.amount})

    async def refund(self, debit: Debit) -> None:
        """The work failed: give back what was held, once."""
        async with self._database.transaction() as connection:
            await self._give_back(connection, debit.id)

    async def refund_lost(self, *, all_held: bool = False) -> int:
        """Give back what requests hold whose time is over, or with ``all_held`` everything that is held: how many.

        ``all_held`` at the start of the only server, when nothing can be at work.
        """
        held = DEBITS.c.held_until.is_not(None) if all_held else DEBITS.c.held_until < self._clock()
        async with self._database.transaction() as connection:
            lost = (await connection.execute(select(DEBITS.c.id).where(held))).scalars().all()
            for debit_id in lost:
                await self._give_back(connection, debit_id)
            old = self._clock() - _LEDGER_DAYS * 86_400
            await connection.execute(delete(DEBITS).where(DEBITS.c.created_at < old, DEBITS.c.held_until.is_(None)))
        return len(lost)

    @staticmethod
    async def _give_back(connection: AsyncConnection, debit_id: str) -> None:
        # Deleting the row and taking from the sum are one transaction: a second refund finds no row.
        held = (DEBITS.c.id == debit_id) & DEBITS.c.held_until.is_not(None)
        row = (await connection.execute(delete(DEBITS).where(held).returning(DEBITS))).first()
        if row is None:
            return
        of_row = (USAGE.c.key_id == row.key_id) & (USAGE.c.meter == row.meter) & (USAGE.c.month == row.month)
        await connection.execute(update(USAGE).where(of_row).values(used=USAGE.c.used - row.amount))

    async def standing(self, caller: Caller, tariff: Tariff) -> Usage:
        """This month's usage of one key."""
        month = month_of(self._clock())
        rows = await self._database.read(_used(caller, tariff.meter, month))
        return usage_of(caller, tariff, month, int(rows[0].used) if rows else 0)

    async def months(
        self, callers: Mapping[str, Caller], *, key_id: str | None = None, month: str | None = None
    ) -> tuple[Usage, ...]:
        """What was used, of all keys and months where none is named; ``callers`` by their ids give the tiers."""
        asked = select(USAGE).where(USAGE.c.used > 0).order_by(USAGE.c.month, USAGE.c.key_id, USAGE.c.meter)
        if key_id is not None:
            asked = asked.where(USAGE.c.key_id == key_id)
        if month is not None:
            asked = asked.where(USAGE.c.month == month)
        rows = await self._database.read(asked)
        return tuple(
            usage_of(callers.get(row.key_id, _unknown(row.key_id)), self._tariff(row.meter), row.month, row.used)
            for row in rows
        )

    def _tariff(self, meter: str) -> Tariff:
        """That of an API which is not there any more has no terms."""
        return self._tariffs.get(meter) or Tariff(meter=meter)

    @staticmethod
    async def _read(connection: AsyncConnection, caller: Caller, tariff: Tariff, month: str) -> Usage:
        used = (await connection.execute(_used(caller, tariff.meter, month))).scalar() or 0
        return usage_of(caller, tariff, month, used)

    async def count(self, connection: AsyncConnection, key_id: str, meter: str, request_id: str, amount: int) -> None:
        """Count work that was done already, in the transaction that says so."""
        now = self._clock()
        entry = {"key_id": key_id, "meter": meter, "month": month_of(now), "amount": amount}
        await connection.execute(_ADD, entry)
        debit = {**entry, "id": str(uuid.uuid4()), "request_id": request_id, "created_at": now, "held_until": None}
        await connection.execute(insert(DEBITS).values(**debit))


def _used(caller: Caller, meter: str, month: str) -> Select[Any]:
    of_key = (USAGE.c.key_id == caller.key_id) & (USAGE.c.meter == meter) & (USAGE.c.month == month)
    return select(USAGE.c.used).where(of_key)


def usage_of(caller: Caller, tariff: Tariff, month: str, used: int) -> Usage:
    """A month's sum on the terms of the caller's tier."""
    return Usage(
        key_id=caller.key_id,
        tier=caller.tier,
        meter=tariff.meter,
        unit=tariff.unit,
        month=month,
        used=used,
        included=tariff.included if caller.is_known else None,
        limit=tariff.limit(caller.tier),
        overage=tariff.overage(used, caller.tier),
        cost_usd=tariff.cost_micro_usd(used, caller.tier) / 1_000_000,
    )


def _unknown(key_id: str) -> Caller:
    return Caller(key_id=key_id, name=key_id, tier=Tier.PAID)


def month_of(seconds: float) -> str:
    """The calendar month (UTC) of a time, as ``2026-06``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")


async def _patiently(settle: Callable[[], Awaitable[None]]) -> None:
    """Settle a debit, again where the database is lost or too busy just now: what was held would be missing meanwhile.

    Doing it twice is doing it once. Raises ``Unavailable`` in the end.
    """
    for pause_seconds in _SETTLE_PAUSES_SECONDS:
        try:
            await settle()
            return
        except Unavailable:
            await asyncio.sleep(pause_seconds)
    await settle()


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Let the work finish even where this task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):
            await task
        raise

"""Use up a key's quota without making so many pictures."""

from __future__ import annotations

import asyncio

from pixlean.access.keys import Keys
from pixlean.access.tariffs import Tariff
from pixlean.access.usage import Ledger
from pixlean.state.database import Database
from pixlean.state.settings import Settings


def spend(state: Settings, key: str, tariff: Tariff, amount: int) -> None:
    async def story() -> None:
        database = Database(state)
        ledger = Ledger(database, 60)
        await ledger.keep(await ledger.hold(await Keys(database).caller(key), tariff, "test", amount))
        await database.close()

    asyncio.run(story())

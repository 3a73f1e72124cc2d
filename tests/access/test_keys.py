"""Keys, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import select

from pixlean.access.keys import Keys
from pixlean.domain.caller import DEVELOPER, Tier
from pixlean.domain.errors import AccessDenied, InvalidRequest
from pixlean.state.database import Database
from pixlean.state.schema import KEYS
from pixlean.state.settings import Settings


def tell(state: Settings, story: Callable[[Database, Keys], Awaitable[None]], house_key: str = "") -> None:
    async def run() -> None:
        database = Database(state)
        try:
            await story(database, Keys(database, house_key))
        finally:
            await database.close()

    asyncio.run(run())


def test_without_any_key_everybody_is_the_developer(state: Settings) -> None:
    async def story(_: Database, keys: Keys) -> None:
        for shown in (None, "", "anything", "px_live_nothing"):
            assert await keys.caller(shown) == DEVELOPER

    tell(state, story)


def test_a_key_is_known_by_its_secret_and_only_its_digest_is_stored(state: Settings) -> None:
    async def story(database: Database, keys: Keys) -> None:
        made = await keys.create("Ada", Tier.PAYG)
        found = await keys.caller(made.secret)
        assert (found.name, found.tier, found.key_id) == ("Ada", Tier.PAYG, made.id)
        async with database.transaction() as connection:
            stored = str((await connection.execute(select(KEYS))).all())
        assert made.secret not in stored and made.secret.removeprefix("px_live_") not in stored
        for wrong in (None, "", made.secret[:-1], made.secret + "0", made.secret.upper(), "px_live_"):
            with pytest.raises(AccessDenied):
                await keys.caller(wrong)

    tell(state, story)


def test_an_account_has_several_keys_and_the_last_use_is_noted(state: Settings) -> None:
    async def story(_: Database, keys: Keys) -> None:
        first, second = [await keys.create("Ada", Tier.FREE) for _ in range(2)]
        await keys.caller(second.secret)
        rows = {key.id: key for key in await keys.list()}
        assert rows[first.id].last_used_at is None and rows[second.id].last_used_at is not None
        assert all(key.name == "Ada" and key.hint.startswith("px_live_") for key in rows.values())

    tell(state, story)


def test_a_revoked_key_ends_at_once_and_opens_nothing(state: Settings) -> None:
    async def story(_: Database, keys: Keys) -> None:
        made = await keys.create("Ada", Tier.FREE)
        await keys.caller(made.secret)
        await keys.revoke(made.id)
        for shown in (made.secret, None):
            with pytest.raises(AccessDenied):
                await keys.caller(shown)
        with pytest.raises(InvalidRequest):
            await keys.revoke(made.id)

    tell(state, story)


def test_a_rotated_key_keeps_its_id_and_plan(state: Settings) -> None:
    async def story(_: Database, keys: Keys) -> None:
        made = await keys.create("Ada", Tier.PAYG)
        again = await keys.rotate(made.id)
        assert again.id == made.id and again.secret != made.secret
        assert (await keys.caller(again.secret)).tier is Tier.PAYG
        with pytest.raises(AccessDenied):
            await keys.caller(made.secret)
        with pytest.raises(InvalidRequest):
            await keys.rotate("key_unknown")

    tell(state, story)


def test_the_key_of_the_settings_is_paid_and_needs_no_database(state: Settings) -> None:
    async def story(database: Database, keys: Keys) -> None:
        assert (await keys.caller("secret")).tier is Tier.PAID
        assert not database.file.exists()
        with pytest.raises(AccessDenied):
            await keys.caller("secreT")

    tell(state, story, house_key="secret")


def test_a_nameless_key_and_a_dev_key_are_not_made(state: Settings) -> None:
    async def story(_: Database, keys: Keys) -> None:
        for name, tier in (("", Tier.FREE), (" ", Tier.FREE), ("x" * 201, Tier.FREE), ("Ada", Tier.DEV)):
            with pytest.raises(InvalidRequest):
                await keys.create(name, tier)

    tell(state, story)

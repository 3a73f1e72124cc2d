"""The database: migrations on both kinds, and what becomes of requests where it is away."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy import inspect as inspect_connection

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.state.database import Database, FolderInUse, check_usable
from pixlean.state.schema import METADATA
from pixlean.state.settings import Settings


def _shape(connection: Connection) -> dict[str, set[tuple[str, bool]]]:
    seen = inspect_connection(connection)
    return {
        table: {(column["name"], bool(column["nullable"])) for column in seen.get_columns(table)}
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_and_schema_say_the_same(state: Settings) -> None:
    async def story() -> None:
        database = Database(state)
        async with database.transaction() as connection:
            found = await connection.run_sync(_shape)
            indexes = {
                index["name"]
                for table in METADATA.tables
                for index in await connection.run_sync(lambda c, t=table: inspect_connection(c).get_indexes(t))
            }
        wanted = {
            name: {(column.name, bool(column.nullable)) for column in table.columns}
            for name, table in METADATA.tables.items()
        }
        assert found == wanted
        assert {index.name for table in METADATA.tables.values() for index in table.indexes} <= indexes
        await database.close()

    asyncio.run(story())


def test_many_servers_that_start_at_once_migrate_once(state: Settings) -> None:
    async def one() -> bool:
        database = Database(state)
        try:
            return await database.answers()
        finally:
            await database.close()

    async def story() -> None:
        assert all(await asyncio.gather(*(one() for _ in range(6))))

    asyncio.run(story())


def test_a_transaction_that_fails_leaves_nothing(state: Settings) -> None:
    async def story() -> None:
        database = Database(state)
        row = "INSERT INTO usage (key_id, meter, month, used) VALUES ('k', 'm', '2026-01', 1)"
        with pytest.raises(RuntimeError):
            async with database.transaction() as connection:
                await connection.execute(text(row))
                raise RuntimeError
        async with database.transaction() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM usage"))).scalar() == 0
        await database.close()

    asyncio.run(story())


def test_a_locked_sqlite_is_unavailable_and_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        database = Database(Settings(folder=tmp_path))
        assert await database.answers()
        blocker = sqlite3.connect(tmp_path / "pixlean.db", isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable) as caught:
            async with database.transaction():
                pass
        assert caught.value.code is ErrorCode.STATE_LOST and "retry_after" in caught.value.facts
        assert not await database.answers()
        blocker.execute("ROLLBACK")
        await asyncio.sleep(1.1)
        assert await database.answers()
        await database.close()

    asyncio.run(story())


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async def story() -> None:
        database = Database(Settings(folder=tmp_path, url="postgresql+asyncpg://nobody@127.0.0.1:9/none"))
        with pytest.raises(Unavailable):
            async with database.transaction():
                pass
        await database.close()

    asyncio.run(story())


def test_a_folder_is_one_servers_alone(tmp_path: Path) -> None:
    async def story() -> None:
        first = Database(Settings(folder=tmp_path))
        first.lock_folder()
        with pytest.raises(FolderInUse):
            Database(Settings(folder=tmp_path)).lock_folder()
        with pytest.raises(FolderInUse):
            check_usable(Settings(folder=tmp_path))
        await first.close()

    asyncio.run(story())
    check_usable(Settings(folder=tmp_path))

"""Databases for the tests: SQLite in a folder, and a PostgreSQL of its own name on a server that is found."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from pixlean.state.settings import Settings

# Where a PostgreSQL may be found; any user who may create databases will do.
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
KINDS = ("sqlite", "postgresql")


@contextmanager
def postgresql() -> Iterator[str]:
    """A new, empty database's URL; the test is skipped where no server is found."""
    name = f"pixlean_test_{secrets.token_hex(6)}"
    try:
        asyncio.run(_say(f'CREATE DATABASE "{name}"'))
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        pytest.skip(f"no PostgreSQL at {SERVER.rpartition('@')[2]} (name one in TEST_POSTGRES_URL): {error}")
    try:
        yield SERVER.replace("postgresql://", "postgresql+asyncpg://").rpartition("/")[0] + f"/{name}"
    finally:
        asyncio.run(_say(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _say(statement: str) -> None:
    connection = await asyncpg.connect(SERVER, timeout=3)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Settings]:
    """Settings of an empty database of either kind."""
    if kind == "sqlite":
        yield Settings(folder=folder)
        return
    with postgresql() as url:
        yield Settings(folder=folder, url=url)

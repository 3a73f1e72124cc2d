"""This installation's own secrets: made once, shared by all servers of one database."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from pixlean.state.database import Database
from pixlean.state.schema import SECRETS

_BYTES = 32


class Vault:
    """Secrets by name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, bytes] = {}

    async def secret(self, name: str) -> bytes:
        """The secret of a name, made where there is none yet. Raises ``Unavailable``."""
        if name not in self._known:
            insert = insert_sqlite if self._database.embedded else insert_postgresql
            async with self._database.transaction() as connection:
                new = insert(SECRETS).values(name=name, value=secrets.token_hex(_BYTES))
                await connection.execute(new.on_conflict_do_nothing())
                found = (await connection.execute(select(SECRETS.c.value).where(SECRETS.c.name == name))).scalar_one()
            self._known[name] = bytes.fromhex(found)
        return self._known[name]

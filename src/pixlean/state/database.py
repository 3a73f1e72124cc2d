"""One database: SQLite in the data folder, or PostgreSQL for many servers. The same statements on both."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.state.settings import Settings

HEAD = "0002"
_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number that nothing else on the server uses: pg_advisory_xact_lock's key ("pixlean" as on a telephone).
_MIGRATION_LOCK = 749_5326
_PATIENCE_SECONDS = 2.0
# After a failure the next requests are told at once for this long, not one by one after the patience.
_REST_SECONDS = 1.0
_START_SECONDS = 5.0
_WRITES = text("UPDATE usage SET used = used WHERE key_id = ''")


class StateUnusable(Exception):
    """Keys, usage and jobs can't be kept where the settings say; the text is a sentence for the operator."""


class FolderInUse(StateUnusable):
    """Another server keeps its state in the same folder."""


def check_usable(settings: Settings) -> None:
    """Ask, before a server starts, whether it can keep its state. Raises ``StateUnusable``."""
    if not settings.url:
        try:
            os.close(_locked(settings.folder))
        except OSError as error:
            raise StateUnusable(f"PIXLEAN_DATA_DIR can't be used: {settings.folder}: {error.strerror}") from error
    asyncio.run(_check_database(settings))


async def _check_database(settings: Settings) -> None:
    """A database on another machine gets a moment: it may be starting as well."""
    database = Database(settings)
    end = time.monotonic() + (_START_SECONDS if settings.url else 0.0)
    try:
        while True:
            try:
                async with database.transaction() as connection:
                    await connection.execute(_WRITES)
                return
            except (Unavailable, SQLAlchemyError) as error:
                if time.monotonic() >= end:
                    place = "DATABASE_URL" if settings.url else str(database.file)
                    cause = error.__cause__ or error
                    reason = str(getattr(cause, "orig", None) or cause).partition("\n")[0] or type(cause).__name__
                    raise StateUnusable(f"the database can't be used: {place}: {reason}") from error
                await asyncio.sleep(_REST_SECONDS)
    finally:
        await database.close()


def _locked(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise FolderInUse(f"another server keeps its state in {folder}: name another PIXLEAN_DATA_DIR") from None
    return lock


class Database:
    """Connections and transactions; opened lazily, so that a lost database does not keep a server from starting."""

    def __init__(self, settings: Settings) -> None:
        self.embedded = not settings.url
        self.file = settings.folder / "pixlean.db"
        self._folder = settings.folder
        self._engine = _embedded(self.file) if self.embedded else _shared(settings.url)
        self._readers = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._migrating = asyncio.Lock()
        self._migrated = False
        self._rest_until = 0.0
        self._lock: int | None = None
        self._reader: Engine | None = None

    def lock_folder(self) -> None:
        """Keep the folder for this server alone until it ends. Raises ``FolderInUse`` and ``OSError``."""
        self._lock = _locked(self._folder)

    @property
    def is_locked(self) -> bool:
        """Whether the folder is this server's alone."""
        return self._lock is not None

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. Raises ``Unavailable`` (``state_lost``) where the database is."""
        async with self._guarded(), self._engine.begin() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def _guarded(self) -> AsyncIterator[None]:
        """Migrated before, and every way of being lost after: then the database is left alone for a moment."""
        if time.monotonic() < self._rest_until:
            raise _lost()
        try:
            await self._migrate()
            yield
        except (PoolTimeoutError, OSError, TimeoutError) as error:
            self._rest_until = time.monotonic() + _REST_SECONDS
            raise _lost() from error
        except SQLAlchemyError as error:
            if isinstance(error, DBAPIError) and not _is_lost(error):
                raise
            self._rest_until = time.monotonic() + _REST_SECONDS
            raise _lost() from error

    async def read(self, statement: Executable) -> Sequence[Row[Any]]:
        """The rows of one statement that only reads. Raises ``Unavailable`` (``state_lost``).

        SQLite's readers wait for no writer, so they need no turn: a row costs less than a hop to a thread would.
        """
        if not self.embedded:
            # Without a transaction around it: one round trip instead of four.
            async with self._guarded(), self._readers.connect() as connection:
                return (await connection.execute(statement)).all()
        if time.monotonic() < self._rest_until:
            raise _lost()
        try:
            await self._migrate()
            if self._reader is None:
                self._reader = _reader(self.file)
            with self._reader.connect() as reader:
                return reader.execute(statement).all()
        except (OSError, DBAPIError) as error:
            if isinstance(error, DBAPIError) and not _is_lost(error):
                raise
            raise _lost() from error

    async def persist(self) -> None:
        """Wait until what was committed is on the disk: it survives a power cut.

        SQLite writes its log through only now and then, which is enough for what nobody was promised.
        """
        if self.embedded:
            with contextlib.suppress(FileNotFoundError):  # all of the log is in the database
                await asyncio.to_thread(synced, self.file.with_name(f"{self.file.name}-wal"))

    async def answers(self) -> bool:
        """Whether the database can be written to now."""
        try:
            async with self.transaction() as connection:
                await connection.execute(_WRITES)
        except Unavailable:
            return False
        return True

    async def close(self) -> None:
        """Close all connections and let the folder go."""
        await self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def disconnect(self) -> None:
        """Close all connections; the folder stays this server's."""
        await self._engine.dispose()
        if self._reader is not None:
            self._reader.dispose()
            self._reader = None

    async def _migrate(self) -> None:
        if self._migrated:
            return
        async with self._migrating:
            if self._migrated:
                return
            if self.embedded:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                # SQLite gives what it keeps beside the database the same mode.
                os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                for file in self._folder.glob(f"{self.file.name}*"):
                    file.chmod(0o600)
            async with self._engine.begin() as connection:
                if not self.embedded:
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await connection.run_sync(_upgrade)
            self._migrated = True


def synced(file: Path) -> None:
    """Write a file through to the disk. Raises ``OSError``."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _upgrade(connection: Connection) -> None:
    migrated = connection.dialect.has_table(connection, "alembic_version")
    if migrated and connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD:
        return
    # Alembic is slow to import and seldom needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _embedded(file: Path) -> AsyncEngine:
    """One connection, so one writer: requests wait for it in turn, other processes for its lock."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file}", pool_size=1, max_overflow=0, pool_timeout=2 * _PATIENCE_SECONDS,
        connect_args={"timeout": _PATIENCE_SECONDS},
    )  # fmt: skip

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver's own BEGIN comes too late (before the first write) and defers the lock.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _reader(file: Path) -> Engine:
    """One connection that only reads, used by the event loop's thread."""
    engine = create_engine(f"sqlite:///{file}", poolclass=StaticPool, connect_args={"timeout": 0.05})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA query_only=ON")

    return engine


def _shared(url: str) -> AsyncEngine:
    limits = {"lock_timeout": "5000", "statement_timeout": "10000", "idle_in_transaction_session_timeout": "30000"}
    return create_async_engine(
        url, pool_size=5, max_overflow=5, pool_timeout=2 * _PATIENCE_SECONDS, pool_pre_ping=True, pool_recycle=600,
        connect_args={"timeout": _PATIENCE_SECONDS, "command_timeout": 10, "server_settings": limits},
    )  # fmt: skip


def _is_lost(error: DBAPIError) -> bool:
    """Whether the database is what failed: gone, locked, full or read-only; not one of our statements."""
    return error.connection_invalidated or type(error).__name__ in ("OperationalError", "InterfaceError")


def _lost() -> Unavailable:
    return Unavailable(
        "the database of keys and usage does not answer", code=ErrorCode.STATE_LOST, facts={"retry_after": 2}
    )

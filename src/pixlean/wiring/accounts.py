"""The database, and who knows what of it: all that a command beside the server needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixlean.access.keys import Keys
from pixlean.access.usage import Ledger
from pixlean.config import Environment
from pixlean.jobs.contract import Queue
from pixlean.jobs.rows import RowQueue
from pixlean.jobs.store import Jobs
from pixlean.state import database as state
from pixlean.state.database import Database


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Connections are made when they are needed."""

    database: Database
    keys: Keys
    ledger: Ledger
    jobs: Jobs
    queue: Queue


def open_accounts(environment: Environment) -> Accounts:
    """All of it, over one database; close the database."""
    url = environment.DATABASE_URL.get_secret_value()
    database = Database(state.Settings(folder=Path(environment.PIXLEAN_DATA_DIR), url=url))
    # A request may upload, fetch, wait and work; what takes longer than all of these together is lost.
    longest = environment.BODY_TOTAL_SECONDS + environment.URL_FETCH_TIMEOUT + 4 * environment.TOOL_TIMEOUT_SECONDS
    jobs = Jobs(database)
    queue: Queue = RowQueue(jobs)
    if url:
        from pixlean.jobs.postgresql import PostgresqlQueue  # 20 MB that a server on SQLite does not need

        queue = PostgresqlQueue(jobs, url)
    return Accounts(
        database=database,
        keys=Keys(database, environment.API_KEY.get_secret_value()),
        ledger=Ledger(database, longest + 60),
        jobs=jobs,
        queue=queue,
    )

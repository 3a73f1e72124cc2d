"""The database, and who knows what of it: all that a command beside the server needs."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.access import settings as access
from pixlean.access.keys import Keys
from pixlean.access.usage import Ledger
from pixlean.config import Environment
from pixlean.jobs.contract import Queue
from pixlean.jobs.rows import RowQueue
from pixlean.jobs.store import Jobs
from pixlean.outbound import settings as outbound
from pixlean.sandbox import settings as sandbox
from pixlean.service import settings as service
from pixlean.state import settings as state
from pixlean.state.database import Database
from pixlean.web import settings as web
from pixlean.wiring.dialects import dialects


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
    database = Database(environment.of(state.Settings))
    # A request may upload, fetch, wait and work; what takes longer than all of these together is lost.
    longest = (
        environment.of(web.Settings).body_total_seconds
        + environment.of(outbound.Settings).fetch_seconds
        + 4 * environment.of(sandbox.Settings).timeout_seconds
    )
    pauses = environment.of(service.Settings).webhook_pauses_seconds
    jobs = Jobs(database, longest_pause=1.2 * max(pauses, default=0.0) + 60)
    queue: Queue = RowQueue(jobs)
    if not database.embedded:
        from pixlean.jobs.postgresql import PostgresqlQueue  # 20 MB that a server on SQLite does not need

        queue = PostgresqlQueue(jobs, environment.of(state.Settings).url)
    keys = environment.of(access.Settings)
    tariffs = [dialect.tariff for dialect in dialects(environment) if dialect.tariff is not None]
    return Accounts(
        database=database,
        keys=Keys(database, keys.api_key, required=keys.key_required),
        ledger=Ledger(database, longest + 60, tariffs),
        jobs=jobs,
        queue=queue,
    )

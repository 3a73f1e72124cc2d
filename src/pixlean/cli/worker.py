"""``pixlean worker``."""

from __future__ import annotations

import asyncio
import sys


def worker() -> None:
    """Do the jobs that servers on the same DATABASE_URL accepted; as many workers as you like, on any machine."""
    from pixlean.config import SettingsError, load
    from pixlean.wiring.application import run_worker

    try:
        environment = load().environment
        if not environment.DATABASE_URL.get_secret_value():
            raise SettingsError("a worker needs DATABASE_URL; on SQLite the server does its jobs itself")
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    asyncio.run(run_worker(environment))

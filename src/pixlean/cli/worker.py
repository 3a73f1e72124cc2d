"""``pixlean worker``."""

from __future__ import annotations

import asyncio

from pixlean.cli.say import fail


def worker() -> None:
    """Do the jobs that servers on the same DATABASE_URL accepted; as many workers as you like, on any machine."""
    from pixlean.config import SettingsError
    from pixlean.state.settings import Settings
    from pixlean.wiring.application import run_worker
    from pixlean.wiring.cage import CageRefused, check_cage
    from pixlean.wiring.environment import load

    try:
        environment = load().environment
        if not environment.of(Settings).url:
            raise SettingsError("a worker needs DATABASE_URL; on SQLite the server does its jobs itself")
        check_cage(environment)
    except (SettingsError, CageRefused) as error:
        fail(str(error))
    asyncio.run(run_worker(environment))

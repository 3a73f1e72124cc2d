"""How the queue of jobs stands, looked up when somebody asks."""

from __future__ import annotations

import contextlib

from pixlean.domain.errors import Unavailable
from pixlean.jobs.store import Jobs, Summary


class Backlog:
    """The last summary; ``refresh`` makes a new one, and keeps the old one where the database is away."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.summary = Summary()

    async def refresh(self) -> None:
        """Look again."""
        with contextlib.suppress(Unavailable):
            self.summary = await self._jobs.summary()

"""Deliver webhooks: signed, again and again for about a day, the same body every time."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass

from pixlean.access.keys import Keys
from pixlean.domain.errors import ErrorCode, PixleanError, Unavailable
from pixlean.domain.task import Job
from pixlean.jobs.store import Jobs, LeaseLost
from pixlean.outbound.webhook import WebhookSender, signatures

# Eight tries over a day less a few minutes; the second after one minute (contract: within two).
BACKOFF_SECONDS = (60.0, 300.0, 900.0, 3_600.0, 10_800.0, 25_200.0, 43_200.0)
_JITTER = 0.1
_KEEP_SECONDS = 7 * 86_400.0
_AWAY_SECONDS = 3.0
_log = logging.getLogger("pixlean.webhooks")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The secret of keys without one of their own (empty: not signed), and the pauses between tries."""

    secret: str = ""
    backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS


class Notify:
    """The handler of webhooks; ``failures`` counts tries that no receiver took."""

    def __init__(self, jobs: Jobs, sender: WebhookSender, keys: Keys, settings: Settings) -> None:
        self._jobs = jobs
        self._sender = sender
        self._keys = keys
        self._settings = settings
        self.failures = 0
        self.delivered = 0

    async def __call__(self, job: Job) -> float | None:
        """Try once; the seconds until the next try, or ``None``."""
        try:
            async with self._jobs.held(job):
                return await self._tried(job)
        except LeaseLost:
            return None
        except asyncio.CancelledError:
            await asyncio.shield(self._jobs.give_back(job, 0.0, forgiven=True))
            raise
        except Unavailable:
            return await self._jobs.give_back(job, _AWAY_SECONDS, forgiven=True)

    async def _tried(self, job: Job) -> float | None:
        said = await self._problem(job)
        if said is None:
            self.delivered += 1
            return await self._end(job, None)
        self.failures += 1
        if job.attempts > len(self._settings.backoff_seconds):
            _log.error("a webhook was given up: %s", said, extra={"webhook": job.id})
            return await self._end(job, said)
        pause = self._settings.backoff_seconds[job.attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return await self._jobs.give_back(job, pause, forgiven=False)

    async def _problem(self, job: Job) -> str | None:
        """Send it; what went wrong, or ``None`` where the receiver took it."""
        assert job.call is not None
        body = job.call.body.encode()
        secret = await self._keys.webhook_secret(job.key_id) or self._settings.secret
        headers = signatures(secret, job.id, int(self._jobs.clock()), body) if secret else {"webhook-id": job.id}
        try:
            status = await self._sender.send(job.call.url, body, headers)
        except PixleanError as error:
            return error.message
        return None if 200 <= status < 300 else f"the receiver answered {status}"

    async def _end(self, job: Job, problem: str | None) -> float | None:
        error = None if problem is None else (ErrorCode.DELIVERY_FAILED, problem)
        async with self._jobs.transaction() as connection:
            await self._jobs.finish(
                connection, job, error=error, keep_seconds=_KEEP_SECONDS, remember_seconds=_KEEP_SECONDS
            )
        return None

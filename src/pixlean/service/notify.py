"""Deliver webhooks: signed, again and again for about a day, the same body every time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pixlean.access.keys import Keys
from pixlean.domain.errors import DeliveryFailed, PixleanError, Unavailable
from pixlean.domain.task import Notice, State
from pixlean.jobs.store import Jobs, LeaseLost
from pixlean.outbound.circuit import Circuits
from pixlean.outbound.webhook import WebhookSender, signatures
from pixlean.service.words import Words

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

    def __init__(
        self, jobs: Jobs, sender: WebhookSender, keys: Keys, words: Mapping[str, Words], settings: Settings
    ) -> None:
        self._jobs = jobs
        self._sender = sender
        self._keys = keys
        self._words = words
        self._settings = settings
        self._circuits = Circuits()
        self.failures = 0
        self.delivered = 0

    async def __call__(self, notice: Notice) -> float | None:
        """Try once; the seconds until the next try, or ``None``."""
        try:
            async with self._jobs.held(notice):
                return await self._tried(notice)
        except LeaseLost:
            return None
        except asyncio.CancelledError:
            await asyncio.shield(self._jobs.give_back(notice, 0.0, forgiven=True))
            raise
        except Unavailable:
            return await self._jobs.give_back(notice, _AWAY_SECONDS, forgiven=True)

    async def _tried(self, notice: Notice) -> float | None:
        pause = self._circuits.pause(notice.call.url)
        if pause:
            # Not a try: the receiver's host answers nobody just now.
            return await self._jobs.give_back(notice, pause * random.uniform(1.0, 1.2), forgiven=True)  # noqa: S311
        said = await self._problem(notice)
        if said is None:
            self.delivered += 1
            await self._end(replace(notice, state=State.DONE))
            return None
        self.failures += 1
        if notice.attempts > len(self._settings.backoff_seconds):
            _log.error("a webhook was given up: %s", said, extra={"webhook": notice.id})
            await self._end(notice.failed(DeliveryFailed(said)))
            return None
        pause = self._settings.backoff_seconds[notice.attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        return await self._jobs.give_back(notice, pause, forgiven=False)

    async def _problem(self, notice: Notice) -> str | None:
        """Send it; what went wrong, or ``None`` where the receiver took it."""
        body = notice.call.body.encode()
        secret = await self._keys.webhook_secret(notice.key_id) or self._settings.secret
        headers = self._signed(notice, secret, body) if secret else {"webhook-id": notice.id}
        try:
            status = await self._sender.send(notice.call.url, body, headers)
        except Unavailable:
            raise  # this server's own shortage says nothing about the receiver
        except PixleanError as error:
            self._circuits.failed(notice.call.url)
            return error.message
        self._circuits.answered(notice.call.url)
        return None if 200 <= status < 300 else f"the receiver answered {status}"

    def _signed(self, notice: Notice, secret: str, body: bytes) -> dict[str, str]:
        headers = signatures(secret, notice.id, int(self._jobs.clock()), body)
        words = self._words.get(notice.call.api)
        return headers if words is None else {**words.sign(secret, body), **headers}

    async def _end(self, ended: Notice) -> None:
        async with self._jobs.transaction() as connection:
            await self._jobs.finish(connection, ended, keep_seconds=_KEEP_SECONDS, remember_seconds=_KEEP_SECONDS)

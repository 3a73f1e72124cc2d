"""Deliver one webhook: through the same guard as every fetch, signed, within ten seconds, redirects refused."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

import aiohttp

from pixlean.domain.errors import SourceFailed
from pixlean.outbound import guard
from pixlean.outbound.blame import blamed
from pixlean.outbound.names import HostNames
from pixlean.outbound.session import open_session, resolved, was_blocked

_AGENT = "pixlean-webhooks"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where webhooks may go, and how long a receiver may take."""

    guard: guard.Settings = field(default_factory=guard.Settings)
    timeout_seconds: float = 10.0
    ca_file: str = ""


class WebhookSender:
    """The one sender of a process; use it as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = HostNames()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> WebhookSender:
        self._session = open_session(
            self._settings.guard, self._settings.ca_file, self._settings.timeout_seconds, {"User-Agent": _AGENT},
            self._names,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def check(self, url: str) -> None:
        """Refuse a URL that must not be called, asked when it is named. Raises ``SourceFailed`` (``source_blocked``).

        A name that can't be resolved now is let through: it may be there when it is needed.
        """
        parsed = guard.check_url(url, self._settings.guard)
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                await resolved(parsed.host, self._settings.guard, self._names)
        except (OSError, UnicodeError, TimeoutError) as error:
            if was_blocked(error):
                raise guard.blocked("it leads to a private or reserved address") from error

    async def send(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """POST the body and return the receiver's status. Raises ``SourceFailed`` where there is none."""
        assert self._session is not None
        parsed = guard.check_url(url, self._settings.guard)
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                async with self._session.post(
                    parsed.text,
                    data=body,
                    headers={**headers, "Content-Type": "application/json"},
                    allow_redirects=False,
                ) as answer:
                    return answer.status
        except TimeoutError as error:
            raise SourceFailed("the receiver took too long") from error
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            raise blamed(error, "receiver") from error


def signatures(secret: str, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The headers that prove who sent a webhook.

    They are those of Standard Webhooks 1.0.0, whose secret is what follows ``whsec_``, decoded.
    """
    signed = f"{message_id}.{seconds}.".encode() + body
    standard = base64.b64encode(hmac.new(_standard_key(secret), signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{standard}",
    }


def _standard_key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()

"""Links that carry their own permission: an HMAC over what they lead to and when they end."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

from pixlean.access.vault import Vault
from pixlean.domain.errors import AccessDenied, ErrorCode

_MOST_DIGITS = 12


class Links:
    """Signs and checks links; all servers of one database agree."""

    def __init__(self, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self._vault = vault
        self._clock = clock

    async def query(self, job_id: str, variant: str, seconds: float) -> str:
        """The query string that opens a job's variant for so long. Raises ``Unavailable``."""
        expires = str(int(self._clock() + seconds))
        return f"expires={expires}&signature={await self._signature(job_id, variant, expires)}"

    async def check(self, job_id: str, variant: str, expires: str, signature: str) -> None:
        """Raise ``AccessDenied``: ``bad_signature`` where anything was altered, ``link_expired`` where it has ended."""
        plain = expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS
        wanted = await self._signature(job_id, variant, expires if plain else "")
        if not plain or not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogateescape")):
            raise AccessDenied("the link is not valid", code=ErrorCode.BAD_SIGNATURE)
        if self._clock() >= int(expires):
            raise AccessDenied("the link has expired", code=ErrorCode.LINK_EXPIRED)

    async def _signature(self, job_id: str, variant: str, expires: str) -> str:
        secret = await self._vault.secret("links")
        return hmac.new(secret, f"{job_id}\n{variant}\n{expires}".encode(), hashlib.sha256).hexdigest()

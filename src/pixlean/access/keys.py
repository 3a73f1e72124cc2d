"""API keys: made, listed, revoked, rotated, and told from each other; only their digests are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from pixlean.domain.caller import DEVELOPER, Caller, Tier
from pixlean.domain.errors import AccessDenied, InvalidRequest, Unavailable
from pixlean.state.database import Database
from pixlean.state.schema import KEYS

_PREFIX = "px_live_"
_SECRET_BYTES = 24  # 192 random bits
_HINT_CHARACTERS = 4
# Whoever shows the key of the settings.
_HOUSE = Caller(key_id="api_key", name="API_KEY", tier=Tier.PAID)
# The time of last use is written once in so many seconds.
_NOTED_EVERY_SECONDS = 60.0
# A key that was just seen is not looked up again: so long a revoked one may live in other processes.
_KNOWN_SECONDS, _MOST_KNOWN = 1.0, 10_000
# The first key of all ends dev mode within this time.
_LOOKED_EVERY_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key as an operator sees it; times are seconds since 1970."""

    id: str
    name: str
    tier: Tier
    hint: str
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made: the only time that its secrets are seen."""

    id: str
    secret: str
    webhook_secret: str | None = None


class Keys:
    """All keys of one database, and the one of the settings (``house_key``).

    Where a key is ``required`` there is no dev mode, even while there is no key at all.
    """

    def __init__(
        self, database: Database, house_key: str = "", *, required: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._required = required
        self._house_key = house_key.encode()
        self._clock = clock
        self._has_keys: bool | None = None
        self._looked_at = float("-inf")
        self._noted: dict[str, float] = {}
        self._known: dict[str, tuple[Caller, float]] = {}

    async def caller(self, secret: str | None) -> Caller:
        """Who shows this secret. Raises ``AccessDenied``, and ``Unavailable`` where only the database could tell."""
        given = (secret or "").encode("utf-8", "surrogateescape")
        if self._house_key and hmac.compare_digest(given, self._house_key):
            return _HOUSE
        if secret and secret.startswith(_PREFIX):
            found = await self._lookup(secret)
            if found is not None:
                return found
        if await self.in_dev_mode():
            return DEVELOPER
        raise AccessDenied("a valid API key is needed")

    async def in_dev_mode(self) -> bool:
        """Whether everybody may come in. Raises ``Unavailable`` where only the database could tell."""
        return not self._house_key and not self._required and not await self.any_stored()

    async def any_stored(self) -> bool:
        """Whether the store has a key, revoked ones counted: revoking the last key opens nothing to strangers."""
        now = time.monotonic()
        if self._has_keys or (self._has_keys is not None and now - self._looked_at < _LOOKED_EVERY_SECONDS):
            return self._has_keys
        if self._database.embedded and not self._database.file.exists():
            return False
        try:
            found = await self._database.read(select(KEYS.c.id).limit(1))
        except Unavailable:
            if self._has_keys is None:
                raise
            return self._has_keys
        self._has_keys, self._looked_at = bool(found), now
        return self._has_keys

    async def _lookup(self, secret: str) -> Caller | None:
        digest = _digest(secret)
        caller, until = self._known.get(digest, (None, 0.0))
        if caller is not None and time.monotonic() < until:
            return caller
        self._known.pop(digest, None)
        now = self._clock()
        row = next(iter(await self._database.read(select(KEYS).where(KEYS.c.secret_sha256 == digest))), None)
        if row is None or row.revoked_at is not None or not hmac.compare_digest(row.secret_sha256, digest):
            return None
        if now - self._noted.get(row.id, 0.0) >= _NOTED_EVERY_SECONDS:
            async with self._database.transaction() as connection:
                await connection.execute(update(KEYS).where(KEYS.c.id == row.id).values(last_used_at=now))
            self._noted[row.id] = now
        caller = Caller(key_id=row.id, name=row.name, tier=Tier(row.plan))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[digest] = (caller, time.monotonic() + _KNOWN_SECONDS)
        return caller

    async def webhook_secret(self, key_id: str) -> str | None:
        """The key's own secret for webhooks, where it has one."""
        rows = await self._database.read(select(KEYS.c.webhook_secret).where(KEYS.c.id == key_id))
        return rows[0][0] if rows else None

    async def create(self, name: str, tier: Tier, *, signs_webhooks: bool = False) -> NewKey:
        """A new key of an account; an account may have several. Raises ``InvalidRequest``.

        With ``signs_webhooks`` it has a secret of its own that signs the webhooks of its jobs.
        """
        if not name.strip() or len(name) > 200:
            raise InvalidRequest("the name must have 1 to 200 characters")
        if tier is Tier.DEV:
            raise InvalidRequest("the plan must be free, paid or payg")
        # As the Standard Webhooks want secrets: base64 behind a prefix.
        signing = f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}" if signs_webhooks else None
        made = NewKey(id=f"key_{secrets.token_hex(8)}", secret=_new_secret(), webhook_secret=signing)
        row = {"id": made.id, "name": name.strip(), "plan": str(tier), "created_at": self._clock()}
        row["webhook_secret"] = signing
        async with self._database.transaction() as connection:
            await connection.execute(insert(KEYS).values(**row, **_kept(made.secret)))
        self._has_keys = True  # here dev mode ends with the first key at once
        return made

    async def list(self) -> tuple[Key, ...]:
        """All keys, the oldest first."""
        rows = await self._database.read(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))
        return tuple(
            Key(
                id=row.id, name=row.name, tier=Tier(row.plan), hint=row.hint, created_at=row.created_at,
                last_used_at=row.last_used_at, revoked_at=row.revoked_at,
            )
            for row in rows
        )  # fmt: skip

    async def callers(self) -> tuple[Caller, ...]:
        """Everybody that usage may be counted under, revoked keys too."""
        stored = tuple(Caller(key_id=key.id, name=key.name, tier=key.tier) for key in await self.list())
        return (*stored, _HOUSE, DEVELOPER)

    async def revoke(self, named: str) -> Key:
        """End a key, told by its id or its name, for good: here at once, in other servers within a second.

        Raises ``InvalidRequest`` where there is no such key, or several of that name.
        """
        key = await self._active(named)
        await self._change(key.id, revoked_at=self._clock())
        return key

    async def rotate(self, named: str) -> NewKey:
        """A new secret for a key: the old one ends as ``revoke`` ends it, plan and usage stay.

        Raises as ``revoke`` does.
        """
        made = NewKey(id=(await self._active(named)).id, secret=_new_secret())
        await self._change(made.id, **_kept(made.secret))
        return made

    async def _active(self, named: str) -> Key:
        """The one key that is called so. An id wins over a name that somebody made look like one."""
        active = [key for key in await self.list() if key.revoked_at is None]
        found = [key for key in active if key.id == named] or [key for key in active if key.name == named]
        if not found:
            raise InvalidRequest(f"there is no active key {named}")
        if len(found) > 1:
            raise InvalidRequest(
                f"several keys are called {named}, name one's id: {', '.join(key.id for key in found)}"
            )
        return found[0]

    async def _change(self, key_id: str, **values: object) -> None:
        active = (KEYS.c.id == key_id) & KEYS.c.revoked_at.is_(None)
        async with self._database.transaction() as connection:
            changed = await connection.execute(update(KEYS).where(active).values(**values))
        self._known.clear()
        if not changed.rowcount:
            raise InvalidRequest(f"there is no active key {key_id}")


def _new_secret() -> str:
    return _PREFIX + secrets.token_hex(_SECRET_BYTES)


def _digest(secret: str) -> str:
    """SHA-256 is enough for a secret of 192 random bits: there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _kept(secret: str) -> dict[str, str]:
    return {"secret_sha256": _digest(secret), "hint": f"{_PREFIX}{secret[len(_PREFIX) :][:_HINT_CHARACTERS]}..."}

"""How often one caller may ask: sliding windows in Redis, for all servers; in each server where it is lost."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from pixlean.access.settings import Settings
from pixlean.domain.errors import ErrorCode, Unavailable

# A Redis that does not answer within this costs a request no more; then it is left alone for a while.
_PATIENCE_SECONDS = 0.25
_REST_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a caller stands in the window that matters most; ``reset_at`` in seconds since 1970."""

    limit: int
    remaining: int
    reset_seconds: int
    reset_at: int


class Stats(Protocol):
    """How a window stands."""

    @property
    def reset_time(self) -> float:
        """When there is room again, in seconds since 1970."""

    @property
    def remaining(self) -> int:
        """How many more fit in now."""


class Window(Protocol):
    """Sliding windows by caller."""

    async def hit(self, item: RateLimitItem, *identifiers: str) -> bool:
        """Count one request, unless the window is full."""

    async def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> Stats:
        """How the window stands."""


class RateExceeded(Unavailable):
    """Too many requests; ``standing`` says how many are allowed and when again."""

    code = ErrorCode.RATE_LIMITED

    def __init__(self, standing: Standing) -> None:
        super().__init__(
            f"too many requests: {standing.limit} are allowed, try again in {standing.reset_seconds} s",
            facts={"retry_after": standing.reset_seconds, "limit": standing.limit},
        )
        self.standing = standing


class RateLimiter:
    """The limits of one server; ``fail_opens`` counts requests that it judged alone, because Redis did not answer.

    ``own`` is where requests are counted without Redis: in this process, unless the server has several.
    """

    def __init__(self, settings: Settings, own: Window | None = None) -> None:
        self.settings = settings
        self.fail_opens = 0
        self._rest_until = 0.0
        self._storage: RedisStorage | None = None
        self._window: MovingWindowRateLimiter | None = None
        # Without Redis: for dialects that promise a limit by default.
        self._own: Window = own or MovingWindowRateLimiter(MemoryStorage())
        self._lost: tuple[type[Exception], ...] = (TimeoutError, OSError, StorageError)
        if settings.redis_url:
            from redis.exceptions import RedisError  # 20 MB that a server without Redis does not need

            self._lost = (*self._lost, RedisError)
            address = f"async+{settings.redis_url}"
            self._storage = RedisStorage(
                address, implementation="redispy", key_prefix="pixlean",
                socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS,
            )  # fmt: skip
            self._window = MovingWindowRateLimiter(self._storage)

    async def admit(self, caller: str, *, known: bool) -> Standing | None:
        """Count one request of ``caller``; ``known`` where a valid key was shown.

        ``None`` where no limit applies. Raises ``RateExceeded``.
        """
        rules = self._rules(known=known)
        if self._window is None or not rules:
            return None
        return await self._guarded(rules, f"{'key' if known else 'address'}:{caller}")

    async def admit_to(self, name: str, per_minute: int, caller: str) -> Standing | None:
        """Count one request of ``caller`` to a dialect with a limit of its own, 0 for none.

        In Redis where there is one, else in this server. Raises ``RateExceeded``.
        """
        if not per_minute:
            return None
        rules: list[RateLimitItem] = [RateLimitItemPerSecond(per_minute, 60)]
        if self._window is None:
            return await self._count(self._own, rules, f"{name}:{caller}")
        return await self._guarded(rules, f"{name}:{caller}")

    async def _guarded(self, rules: list[RateLimitItem], caller: str) -> Standing | None:
        assert self._window is not None
        now = time.monotonic()
        if now < self._rest_until:
            self.fail_opens += 1
            return await self._count(self._own, rules, caller)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._count(self._window, rules, caller)
        except self._lost:
            # Limits of each server are less than was promised, and much more than none.
            self._rest_until = time.monotonic() + _REST_SECONDS
            self.fail_opens += 1
            return await self._count(self._own, rules, caller)

    def _rules(self, *, known: bool) -> list[RateLimitItem]:
        settings = self.settings
        if known:
            amounts = [(settings.auth_rpm, 60)] if settings.auth_enabled else []
        else:
            amounts = [(settings.public_burst, 10), (settings.public_rpm, 60)]
        return [RateLimitItemPerSecond(amount, seconds) for amount, seconds in amounts if amount]

    @staticmethod
    async def _count(window: Window, rules: list[RateLimitItem], caller: str) -> Standing:
        for rule in rules:
            if not await window.hit(rule, caller):
                raise RateExceeded(await RateLimiter._standing(window, rule, caller))
        return await RateLimiter._standing(window, rules[-1], caller)

    @staticmethod
    async def _standing(window: Window, rule: RateLimitItem, caller: str) -> Standing:
        stats = await window.get_window_stats(rule, caller)
        # The windows are kept in Redis by the clock of the wall.
        left = max(1, math.ceil(stats.reset_time - time.time()))
        return Standing(
            limit=rule.amount,
            remaining=max(0, stats.remaining),
            reset_seconds=left,
            reset_at=math.ceil(stats.reset_time),
        )

    async def close(self) -> None:
        """Let go of Redis."""
        if self._storage is not None:
            await self._storage.bridge.storage.aclose()  # type: ignore[attr-defined]

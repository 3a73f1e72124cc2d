"""Fetch one picture from a URL into a memory file: checked at connect time, capped, with one total deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

import aiohttp

from pixlean.domain.errors import ErrorCode, LimitExceeded, SourceFailed
from pixlean.outbound import guard
from pixlean.outbound.session import open_session, was_blocked

_REDIRECTS = {301, 302, 303, 307, 308}
_ACCEPT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_Got = TypeVar("_Got")
_AGENT = "Mozilla/5.0 (compatible; pixlean)"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How URLs are fetched."""

    guard: guard.Settings = field(default_factory=guard.Settings)
    timeout_seconds: float = 30.0
    max_redirects: int = 5
    max_bytes: int = 32 << 20
    ca_file: str = ""
    slots: int = 32


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is known of a file of which the first bytes were fetched; ``total_bytes`` where the origin said it."""

    total_bytes: int | None
    is_whole: bool


class Fetcher:
    """The one fetcher of a server process; use it as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._slots = asyncio.Semaphore(settings.slots)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Fetcher:
        settings = self.settings
        self._session = open_session(
            settings.guard, settings.ca_file, settings.timeout_seconds,
            {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": _AGENT},
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(
        self, text: str, into: int, headers: Mapping[str, str] | None = None, *, most_bytes: int | None = None
    ) -> int:
        """Fetch ``text`` into the open file ``into`` and return its size; ``headers`` go to its own host only.

        ``most_bytes`` where fewer are allowed than the settings say.

        Raises ``SourceFailed`` (``source_blocked`` or ``source_failed``) and ``LimitExceeded``. What the origin
        answered is never part of the message.
        """
        most = min(most_bytes or self.settings.max_bytes, self.settings.max_bytes)
        return await self._reach(text, lambda url: self._follow(url, into, headers or {}, most))

    async def fetch_head(self, text: str, into: int, most_bytes: int) -> Head:
        """Fetch at most the first ``most_bytes`` of a URL into the open file ``into``; raises what ``fetch`` raises.

        An origin that knows no ranges is cut off there.
        """
        return await self._reach(text, lambda url: self._follow_head(url, into, most_bytes))

    def check_size(self, size_bytes: int) -> None:
        """Raise ``LimitExceeded`` where a file is too large to be fetched."""
        if size_bytes > self.settings.max_bytes:
            raise _too_large(size_bytes, self.settings.max_bytes)

    async def _reach(self, text: str, follow: Callable[[guard.Url], Awaitable[_Got]]) -> _Got:
        url = guard.check_url(text, self.settings.guard)
        try:
            async with asyncio.timeout(self.settings.timeout_seconds), self._slots:
                return await follow(url)
        except TimeoutError as error:
            raise SourceFailed("fetching the URL took too long") from error
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            if was_blocked(error):
                raise guard.blocked("it leads to a private or reserved address") from error
            raise SourceFailed("the URL could not be fetched") from error

    async def _follow(self, url: guard.Url, into: int, headers: Mapping[str, str], most_bytes: int) -> int:
        async with self._answer(url, headers) as answer:
            if answer.status != 200:
                raise SourceFailed("the origin did not answer with a picture")
            return await self._store(answer, into, most_bytes)

    async def _follow_head(self, url: guard.Url, into: int, most_bytes: int) -> Head:
        async with self._answer(url, {"Range": f"bytes=0-{most_bytes - 1}"}) as answer:
            total = _total_bytes(answer)
            size = 0
            async for chunk in answer.content.iter_chunked(1 << 14):
                size += os.pwrite(into, chunk[: most_bytes - size], size)
                if size >= most_bytes:
                    break
            whole = size < most_bytes if total is None else size >= total
            return Head(total_bytes=size if whole and total is None else total, is_whole=whole)

    @contextlib.asynccontextmanager
    async def _answer(self, url: guard.Url, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of the redirects, each of which is checked. Raises ``SourceFailed``."""
        assert self._session is not None
        for _ in range(self.settings.max_redirects + 1):
            async with self._session.get(url.text, allow_redirects=False, headers=headers) as answer:
                if answer.status in _REDIRECTS:
                    following = guard.check_redirect(url, answer.headers.get("Location"), self.settings.guard)
                    if (following.host, following.port) != (url.host, url.port):
                        headers = {name: value for name, value in headers.items() if name != "Authorization"}
                    url = following
                    continue
                if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
                    raise SourceFailed("the origin answered with an encoding that was not asked for")
                yield answer
                return
        raise SourceFailed("the URL redirects too often")

    async def _store(self, answer: aiohttp.ClientResponse, into: int, limit: int) -> int:
        if (answer.content_length or 0) > limit:
            raise _too_large(answer.content_length or 0, limit)
        size = 0
        async for chunk in answer.content.iter_chunked(1 << 16):
            if size + len(chunk) > limit:
                raise _too_large(size + len(chunk), limit)
            size += os.pwrite(into, chunk, size)
        return size


def _total_bytes(answer: aiohttp.ClientResponse) -> int | None:
    """The size of the whole file, of an answer with or without a range. Raises ``SourceFailed``."""
    if answer.status == 200:
        return answer.content_length
    found = re.fullmatch(r"bytes 0-\d{1,18}/(\d{1,18}|\*)", answer.headers.get("Content-Range", ""))
    if answer.status != 206 or not found:
        raise SourceFailed("the origin did not answer with a picture")
    return None if found[1] == "*" else int(found[1])


def _too_large(size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"the file is larger than the limit of {limit} bytes",
        code=ErrorCode.BODY_TOO_LARGE,
        facts={"file_size": size, "limit": limit},
    )

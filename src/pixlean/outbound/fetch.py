"""Fetch one picture from a URL into a memory file: checked at connect time, capped, with one total deadline."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, TypeVar

import aiohttp

from pixlean.domain.budget import ByteBudget
from pixlean.domain.errors import ErrorCode, LimitExceeded, SourceFailed, SourceMissing
from pixlean.domain.memory import MemoryFile
from pixlean.domain.share import owner
from pixlean.domain.turns import Turns
from pixlean.outbound import guard
from pixlean.outbound.blame import blamed
from pixlean.outbound.names import HostNames
from pixlean.outbound.session import open_session

_REDIRECTS = {301, 302, 303, 307, 308}
_MISSING = {404, 410}
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
    slots: int = 128
    slots_per_caller: int = 64
    slots_per_host: int = 48


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file that was fetched: its size, and the origin's ``Cache-Control`` as it was sent."""

    size_bytes: int
    cache_control: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is known of a file of which the first bytes were fetched; ``total_bytes`` where the origin said it."""

    total_bytes: int | None
    is_whole: bool


class Elsewhere(Protocol):
    """Who reads URLs that are not of the web."""

    def takes(self, url: str) -> bool:
        """Whether a URL is one of these."""

    async def fetch(self, url: str, into: MemoryFile, most_bytes: int) -> int:
        """Fetch it into an empty file and return its size; raises what ``Fetcher.fetch`` raises."""


class Fetcher:
    """The one fetcher of a server process; use it as an async context manager.

    What ``elsewhere`` takes is not fetched from the web.
    """

    def __init__(
        self, settings: Settings, budget: ByteBudget | None = None, elsewhere: Elsewhere | None = None
    ) -> None:
        self.settings = settings
        self._elsewhere = elsewhere
        self._budget = budget
        self._slots = Turns(settings.slots, settings.slots_per_caller)
        self._by_host = Turns(settings.slots, settings.slots_per_host)
        self._names = HostNames()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Fetcher:
        settings = self.settings
        self._session = open_session(
            settings.guard, settings.ca_file, settings.timeout_seconds,
            {"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": _AGENT}, self._names,
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def new_file(self) -> MemoryFile:
        """An empty file to fetch into, whose bytes count to the budget where there is one."""
        return MemoryFile("fetched", self._budget.hold() if self._budget else None)

    async def fetch(
        self, text: str, into: MemoryFile, headers: Mapping[str, str] | None = None, *, most_bytes: int | None = None
    ) -> int:
        """Fetch ``text`` into an empty file and return its size; ``headers`` go to its own host only.

        ``most_bytes`` where fewer are allowed than the settings say.

        Raises ``SourceFailed`` (``source_blocked`` or ``source_failed``), whose message names the cause,
        ``LimitExceeded``, and ``Unavailable`` where this server can't fetch now. Nothing that the origin wrote is
        part of a message.
        """
        most = min(most_bytes or self.settings.max_bytes, self.settings.max_bytes)
        if self._elsewhere is not None and self._elsewhere.takes(text):
            async with self._slots.turn(owner()):
                return await self._elsewhere.fetch(text, into, most)
        fetched = await self._reach(text, lambda url: self._follow(url, into, headers or {}, most))
        return fetched.size_bytes

    async def fetch_within(
        self, beginnings: tuple[str, ...], text: str, into: MemoryFile, most_bytes: int | None = None
    ) -> Fetched:
        """The same for a URL with one of some beginnings, which its redirects must have too.

        ``*`` in a beginning stands for anything without a slash. Raises what ``fetch`` raises.
        """
        most = min(most_bytes or self.settings.max_bytes, self.settings.max_bytes)
        return await self._reach(text, lambda url: self._follow(url, into, {}, most, beginnings))

    async def fetch_head(self, text: str, into: MemoryFile, most_bytes: int) -> Head:
        """Fetch at most the first ``most_bytes`` of a URL into an empty file; raises what ``fetch`` raises.

        An origin that knows no ranges is cut off there.
        """
        if self._elsewhere is not None and self._elsewhere.takes(text):
            size_bytes = await self.fetch(text, into)
            return Head(total_bytes=size_bytes, is_whole=True)
        return await self._reach(text, lambda url: self._follow_head(url, into, most_bytes))

    def check_size(self, size_bytes: int) -> None:
        """Raise ``LimitExceeded`` where a file is too large to be fetched."""
        if size_bytes > self.settings.max_bytes:
            raise _too_large(size_bytes, self.settings.max_bytes)

    async def _reach(self, text: str, follow: Callable[[guard.Url], Awaitable[_Got]]) -> _Got:
        url = guard.check_url(text, self.settings.guard)
        try:
            async with (
                asyncio.timeout(self.settings.timeout_seconds),
                self._slots.turn(owner()),
                self._by_host.turn(f"{url.host.lower()}:{url.port}"),
            ):
                return await follow(url)
        except TimeoutError as error:
            raise SourceFailed(f"fetching the URL took more than {self.settings.timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            raise blamed(error, "origin") from error

    async def _follow(
        self,
        url: guard.Url,
        into: MemoryFile,
        headers: Mapping[str, str],
        most_bytes: int,
        within: tuple[str, ...] = (),
    ) -> Fetched:
        async with self._answer(url, headers, within) as answer:
            if answer.status != 200:
                kind = SourceMissing if answer.status in _MISSING else SourceFailed
                raise kind(f"the origin answered with status {answer.status}")
            size_bytes = await self._store(answer, into, most_bytes)
            return Fetched(size_bytes=size_bytes, cache_control=", ".join(answer.headers.getall("Cache-Control", ())))

    async def _follow_head(self, url: guard.Url, into: MemoryFile, most_bytes: int) -> Head:
        async with self._answer(url, {"Range": f"bytes=0-{most_bytes - 1}"}) as answer:
            total = _total_bytes(answer)
            async for chunk in answer.content.iter_chunked(1 << 14):
                into.append(chunk[: most_bytes - into.size_bytes])
                if into.size_bytes >= most_bytes:
                    break
            size = into.size_bytes
            whole = size < most_bytes if total is None else size >= total
            return Head(total_bytes=size if whole and total is None else total, is_whole=whole)

    @contextlib.asynccontextmanager
    async def _answer(
        self, url: guard.Url, headers: Mapping[str, str], within: tuple[str, ...] = ()
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of the redirects, each of which is checked. Raises ``SourceFailed``."""
        assert self._session is not None
        for _ in range(self.settings.max_redirects + 1):
            guard.check_within(url, within)
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

    async def _store(self, answer: aiohttp.ClientResponse, into: MemoryFile, limit: int) -> int:
        if (answer.content_length or 0) > limit:
            raise _too_large(answer.content_length or 0, limit)
        into.expect(answer.content_length or 0)
        async for chunk in answer.content.iter_chunked(1 << 16):
            size = into.size_bytes + len(chunk)
            if size > limit:
                raise _too_large(size, limit)
            into.append(chunk)
        return into.size_bytes


def _total_bytes(answer: aiohttp.ClientResponse) -> int | None:
    """The size of the whole file, of an answer with or without a range. Raises ``SourceFailed``."""
    if answer.status == 200:
        return answer.content_length
    found = re.fullmatch(r"bytes 0-\d{1,18}/(\d{1,18}|\*)", answer.headers.get("Content-Range", ""))
    if answer.status != 206 or not found:
        raise SourceFailed(f"the origin answered with status {answer.status}")
    return None if found[1] == "*" else int(found[1])


def _too_large(size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"the file is larger than the limit of {limit} bytes",
        code=ErrorCode.BODY_TOO_LARGE,
        facts={"file_size": size, "limit": limit},
    )

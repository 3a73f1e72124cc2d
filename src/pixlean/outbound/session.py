"""A client whose every connection is judged: the one way from here to the network."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from pixlean.domain.errors import PixleanError
from pixlean.outbound import guard
from pixlean.outbound.names import HostNames

_MOST_HEAD_BYTES = 64 << 10
# Answers before the final one (103 Early Hints): nobody sends more than a few.
_MOST_INTERIM = 16
# uvloop's TLS forgets what it has decrypted when the peer closes while reading is paused, and an origin that was
# asked to close does so right after its last byte. So reading is never paused: whoever reads takes every chunk as
# it comes, counts it, and hangs up where it is too much.
_NEVER_PAUSED = 1 << 30


class _Blocked(OSError):
    """A refused address on its way through aiohttp, which passes on only errors of the system."""


class HeadTooLong(aiohttp.ClientError):
    """The head of an answer, with all that came before it, is longer than any honest one."""


class _CheckedResolver(AbstractResolver):
    """The system's resolver; one refused address among the answers refuses the name."""

    def __init__(self, settings: guard.Settings, names: HostNames) -> None:
        self._settings = settings
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises ``_Blocked``, what ``HostNames`` raises and the system's errors."""
        usable: list[ResolveResult] = []
        for kind, _, protocol, _, place in await self._names.resolve(host):
            _judge(place[0], self._settings)
            if family in (socket.AF_UNSPEC, kind):
                usable.append(
                    ResolveResult(
                        hostname=host, host=str(place[0]), port=port, family=kind, proto=protocol,
                        flags=socket.AI_NUMERICHOST,
                    )
                )  # fmt: skip
        return usable

    async def close(self) -> None:
        """Nothing to close."""


def _judge(text: str | int, settings: guard.Settings) -> None:
    try:
        guard.check_address(ipaddress.ip_address(str(text)), settings)
    except (PixleanError, ValueError) as error:
        raise _Blocked("refused") from error


async def resolved(host: str, settings: guard.Settings, names: HostNames) -> None:
    """Resolve a host and judge what comes; raises the system's errors, and one that ``was_blocked`` knows."""
    try:
        _judge(str(ipaddress.ip_address(host)), settings)
    except ValueError:  # a name
        await _CheckedResolver(settings, names).resolve(host)


class _Handler(ResponseHandler):
    """aiohttp's reader of answers, with an end to what may come before the body."""

    _head_bytes = 0
    _interim = 0
    _has_head = False

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take note of a head that was parsed."""
        if 100 <= data[0].code < 200:
            self._interim += 1
        else:
            self._has_head = True
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Hand on what came, before the head in small portions: a flood is noticed before it is all parsed."""
        while data and not self._has_head:
            portion, data = data[:4096], data[4096:]
            self._head_bytes += len(portion)
            super().data_received(portion)
            over = self._head_bytes > _MOST_HEAD_BYTES or self._interim > _MOST_INTERIM
            if over and not self._has_head:
                self.set_exception(HeadTooLong("the head is too long"))
                if self.transport is not None:
                    self.transport.abort()
                return
        if data:
            super().data_received(data)


class _Connector(aiohttp.TCPConnector):
    """A connector whose connections are read by ``_Handler``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = functools.partial(_Handler, loop=asyncio.get_running_loop())  # type: ignore[assignment]


def open_session(
    settings: guard.Settings, ca_file: str, timeout_seconds: float, headers: Mapping[str, str], names: HostNames
) -> aiohttp.ClientSession:
    """A session without cookies, proxies, pools and redirects of its own; close it."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)

    def checked_socket(place: Any) -> socket.socket:
        """Every connection passes here, whatever resolved it: the last and sure check."""
        family, kind, protocol, _, address = place
        _judge(address[0], settings)
        own = socket.socket(family=family, type=kind, proto=protocol)
        own.setblocking(False)
        return own

    connector = _Connector(
        resolver=_CheckedResolver(settings, names), socket_factory=checked_socket, ssl=context, use_dns_cache=False,
        force_close=True, limit=0,
    )  # fmt: skip
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
        headers=dict(headers), timeout=aiohttp.ClientTimeout(total=timeout_seconds), read_bufsize=_NEVER_PAUSED,
    )  # fmt: skip


def was_blocked(error: BaseException | None) -> bool:
    """Whether a client's error says that an address was refused."""
    return _has_cause(error, _Blocked)


def _has_cause(error: BaseException | None, *kinds: type[BaseException]) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, kinds) or isinstance(getattr(error, "os_error", None), kinds):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False

"""A client whose every connection is judged: the one way from here to the network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from pixlean.domain.errors import PixleanError
from pixlean.outbound import guard


class _Blocked(OSError):
    """A refused address on its way through aiohttp, which passes on only errors of the system."""


class _CheckedResolver(AbstractResolver):
    """The system's resolver; one refused address among the answers refuses the name."""

    def __init__(self, settings: guard.Settings) -> None:
        self._settings = settings

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a name. Raises ``_Blocked`` and the system's errors."""
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        found: list[ResolveResult] = []
        for kind, _, protocol, _, place in answers:
            _judge(place[0], self._settings)
            found.append(
                ResolveResult(
                    hostname=host, host=str(place[0]), port=port, family=kind, proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )  # fmt: skip
        return found

    async def close(self) -> None:
        """Nothing to close."""


def _judge(text: str | int, settings: guard.Settings) -> None:
    try:
        guard.check_address(ipaddress.ip_address(str(text)), settings)
    except (PixleanError, ValueError) as error:
        raise _Blocked("refused") from error


async def resolved(host: str, port: int, settings: guard.Settings) -> None:
    """Resolve a host and judge what comes; raises the system's errors, and one that ``was_blocked`` knows."""
    await _CheckedResolver(settings).resolve(host, port)


def open_session(
    settings: guard.Settings, ca_file: str, timeout_seconds: float, headers: Mapping[str, str]
) -> aiohttp.ClientSession:
    """A session without cookies, proxies, pools and redirects of its own; close it."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)

    def checked_socket(place: Any) -> socket.socket:
        """Every connection passes here, whatever resolved it: the last and sure check."""
        family, kind, protocol, _, address = place
        _judge(address[0], settings)
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(
        resolver=_CheckedResolver(settings), socket_factory=checked_socket, ssl=context, use_dns_cache=False,
        force_close=True, limit=0,
    )  # fmt: skip
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
        headers=dict(headers), timeout=aiohttp.ClientTimeout(total=timeout_seconds),
    )  # fmt: skip


def was_blocked(error: BaseException | None) -> bool:
    """Whether a client's error says that an address was refused."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, _Blocked) or isinstance(getattr(error, "os_error", None), _Blocked):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False

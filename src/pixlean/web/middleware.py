"""What wraps every request of every dialect: its id and account, and the last net for errors."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixlean.domain.errors import ErrorCode, PixleanError, Unavailable
from pixlean.web.contract import Account

_UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_HEADERS = 100
_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)  # of descriptors, memory, threads
_log = logging.getLogger("pixlean.web")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A request that was answered, for those who count, log and trace."""

    request_id: str
    verb: str
    path: str
    status: int
    bytes_in: int
    began_at: float
    seconds: float
    headers: tuple[tuple[bytes, bytes], ...]
    account: Account


Observer = Callable[[Finished], None]


class Reception:
    """Outermost: sets ``X-Request-ID`` on every response, opens the account and tells the observers of the end.

    An inbound ``X-Request-ID`` that is a UUID is kept; ``show_id`` says how a path's dialect writes it.
    """

    def __init__(self, app: ASGIApp, observers: tuple[Observer, ...], show_id: Callable[[str, str], str]) -> None:
        self._app = app
        self._observers = observers
        self._show_id = show_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _UUID.fullmatch(given) else str(uuid.uuid4()).encode()
        account = Account()
        scope.setdefault("state", {}).update(request_id=request_id.decode(), account=account)
        began_at, started = time.time(), time.perf_counter()
        status, bytes_in = 0, 0

        async def counted() -> Message:
            nonlocal bytes_in
            message = await receive()
            bytes_in += len(message.get("body", b""))
            return message

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                shown = self._show_id(scope["path"], request_id.decode()).encode()
                message["headers"] = [*message["headers"], (b"x-request-id", shown)]
            await send(message)

        try:
            await self._app(scope, counted, send_with_id)
        finally:
            finished = Finished(
                request_id=request_id.decode(), verb=scope["method"], path=scope["path"], status=status or 499,
                bytes_in=bytes_in, began_at=began_at, seconds=time.perf_counter() - started,
                headers=tuple(scope["headers"]), account=account,
            )  # fmt: skip
            for observer in self._observers:
                observer(finished)


@dataclass(frozen=True, kw_only=True)
class CorsRule:
    """Which origins may read answers, and which of their headers."""

    origins: tuple[str, ...]
    exposed: tuple[str, ...]


class Cors:
    """Cross-origin rules by path: the longest prefix that fits says which origins may read."""

    def __init__(self, app: ASGIApp, rules: Mapping[str, CorsRule]) -> None:
        self._rules = sorted(
            (
                (
                    prefix,
                    CORSMiddleware(
                        app,
                        allow_origins=list(rule.origins),
                        allow_methods=["GET", "POST", "OPTIONS"],
                        allow_headers=["Authorization", "Content-Type", "X-Request-ID", "X-API-Key", "Idempotency-Key"],
                        expose_headers=list(rule.exposed),
                        max_age=600,
                    ),
                )
                for prefix, rule in rules.items()
            ),
            key=lambda rule: -len(rule[0]),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "/")
        app = next((rule for prefix, rule in self._rules if f"{path}/".startswith(prefix)), self._rules[-1][1])
        await app(scope, receive, send)


_CROWDED = PixleanError("too many headers", code=ErrorCode.HEAD_TOO_LARGE)
_SHORT = Unavailable("the server has run short of memory or descriptors", facts={"retry_after": 2})
_CUT = PixleanError("the server is shutting down", code=ErrorCode.SHUTTING_DOWN, facts={"retry_after": 5})
_CRASH = PixleanError("something went wrong on our side", code=ErrorCode.INTERNAL)


class Net:
    """Catches what nothing else caught, heads with too many headers, and what the server's end cuts off.

    ``show`` tells an error in the words of the path's dialect.
    """

    def __init__(self, app: ASGIApp, show: Callable[[str, PixleanError], Response]) -> None:
        self._app = app
        self._show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if len(scope["headers"]) > _MOST_HEADERS:
            await self._show(path, _CROWDED)(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            # Nothing but the end of the server's patience cancels a request; it would answer with a bare 500.
            if begun:
                raise
            await self._show(path, _CUT)(scope, receive, send)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _SHORTAGES and not begun:
                _log.error("the machine has run short: %s", error.strerror)
                await self._show(path, _SHORT)(scope, receive, send)
                return
            _log.exception("request failed", extra={"request_id": scope["state"]["request_id"]})
            if begun:
                raise
            await self._show(path, _CRASH)(scope, receive, send)

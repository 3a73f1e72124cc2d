"""What wraps every request of every dialect: the request id, and the last net for errors."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UUID = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST_HEADERS = 200
_log = logging.getLogger("pixlean.web")


class RequestId:
    """ASGI middleware that sets ``X-Request-ID`` on every response; an inbound one that is a UUID is kept."""

    def __init__(
        self, app: ASGIApp, show_crash: Callable[[str], Response], show_crowded: Callable[[str], Response]
    ) -> None:
        self._app = app
        self._show_crowded = show_crowded
        self._show_crash = show_crash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _UUID.fullmatch(given) else str(uuid.uuid4()).encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        begun = False
        if len(scope["headers"]) > _MOST_HEADERS:
            await self._show_crowded(scope["path"])(scope, receive, send)
            return

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                if not any(name.lower() == b"x-request-id" for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            _log.exception("request failed", extra={"request_id": request_id.decode()})
            if begun:
                raise
            await self._show_crash(scope["path"])(scope, receive, send_with_id)

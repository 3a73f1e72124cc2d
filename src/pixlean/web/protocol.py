"""The HTTP/1.1 protocol with what uvicorn's lacks: bounds for heads, for slow peers and for bodies nobody reads."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pixlean.domain.errors import ErrorCode, InvalidRequest, PixleanError, Unavailable
from pixlean.web.doors import Doors
from pixlean.web.exit import Exit
from pixlean.web.owners import Owners

_HEADER_SECONDS = 15.0
_MOST_HEAD_BYTES = 64 << 10
_MOST_HEADERS = 100
_MOST_TARGET_BYTES = 8 << 10
# Heads are handed to the parser in small portions, so that too much is noticed before it is parsed.
_PORTION_BYTES = 4096
# What chunked bodies may spend on sizes, extensions and trailers: so much, and so much for each byte of the body.
_MOST_FRAMING_BYTES = 64 << 10
_FRAMING_A_BYTE = 8


class Protocol(HttpToolsProtocol):
    """uvicorn's httptools protocol; ``doors`` and ``owners`` are set by ``protocol_with``."""

    doors: Doors
    owners: Owners

    _head_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0
    _header_count = 0
    _body_bytes = 0  # of all requests of the connection
    _body_began_at = 0
    _framing_bytes = 0
    url = b""
    _refusal: PixleanError | None = None
    _exit: Exit

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inner = cast(ASGIApp, self.app)
        self.app = cast(Any, self._attended)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let the connection in and start the clock for the first request head."""
        super().connection_made(transport)
        self._exit = Exit(transport, self.loop)
        if self.doors.enter(self, self.client[0] if self.client else ""):
            self._start_clock()
        else:
            self._refuse(Unavailable("too many connections are open", facts={"retry_after": 1}))
            if not self.doors.may_linger(self):
                self.transport.close()

    def make_way(self) -> None:
        """Close at once: nothing is at work here."""
        self._stop_clock()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on what came, with an end to what a head and the framing of a body may take."""
        if self._exit.is_leaving:
            self._exit.discard(len(data))
        while data and self._refusal is None and not self.transport.is_closing():
            in_head, before = self._in_head, self._body_bytes
            portion, data = (data[:_PORTION_BYTES], data[_PORTION_BYTES:]) if in_head else (data, b"")
            super().data_received(portion)
            if self.parser is None or self._refusal is not None:
                return
            if self._in_head:
                self._head_bytes += len(portion) if in_head else 0  # else most of it ended a body
                self._check_head()
            else:
                self._count_framing(len(portion), self._body_bytes - before)

    def _count_framing(self, came: int, of_body: int) -> None:
        self._framing_bytes += max(0, came - of_body)  # the end of the head is counted with it
        if self._framing_bytes > _MOST_FRAMING_BYTES + _FRAMING_A_BYTE * (self._body_bytes - self._body_began_at):
            self._refuse(InvalidRequest("the framing of the body is too large", code=ErrorCode.MALFORMED_BODY))

    def _check_head(self) -> bool:
        """Refuse a head that is too large; whether it is not."""
        if len(self.url) > _MOST_TARGET_BYTES:
            self._refuse(InvalidRequest("the request target is too long", code=ErrorCode.TARGET_TOO_LONG))
        elif self._head_bytes > _MOST_HEAD_BYTES or self._header_count > _MOST_HEADERS:
            self._refuse(InvalidRequest("the request head is too large", code=ErrorCode.HEAD_TOO_LARGE))
        return self._refusal is None

    def on_message_begin(self) -> None:
        """Start the clock again for a further request on the connection."""
        if self._refusal is not None:
            return
        super().on_message_begin()
        self._in_head, self._head_bytes, self._header_count = True, 0, 0
        self._start_clock()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body is no header of the request."""
        if not self._in_head:
            return
        self._header_count += 1
        if self._header_count <= _MOST_HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the clock and begin with the request, unless its head is refused or the connection is on its way out."""
        self._stop_clock()
        if self._refusal is not None or self._exit.is_leaving or not self._check_head():
            return
        self._in_head, self._exit.awaits_rest = False, True
        self._framing_bytes, self._body_began_at = 0, self._body_bytes
        self.doors.at_work(self)
        super().on_headers_complete()
        self.cycle.transport = cast(asyncio.Transport, self._exit)

    def on_body(self, body: bytes) -> None:
        """Count the body."""
        self._body_bytes += len(body)
        if not self._in_head and self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come to its end; what was only waiting for that may go."""
        if self._in_head:
            return  # a refused head
        self._in_head = True
        super().on_message_complete()
        self._exit.may_go()

    def on_response_complete(self) -> None:
        """Start the clock for the next request: bytes that begin none do not keep a connection open."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing() and not self._exit.is_leaving:
            self.doors.at_rest(self)
            self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_clock()
        self._exit.stop()
        self.doors.leave(self)
        super().connection_lost(exc)

    async def _attended(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application, whose answers say so where the connection will not outlive them."""
        cycle = getattr(send, "__self__", None)

        async def watched(message: Message) -> None:
            # Who answers before the body has come does not want the rest of it.
            if message["type"] == "http.response.start" and cycle is not None and cycle.more_body:
                names = {name.lower() for name, _ in message["headers"]}
                if b"connection" not in names:
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._inner(scope, receive, watched)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Bytes that are no HTTP get the error shape of the dialect that owns the path, where there is one yet."""
        if self._refusal is None:
            self._refuse(InvalidRequest("this is not a valid HTTP request"))

    def _refuse(self, error: PixleanError) -> None:
        """Answer without the application, and leave."""
        self._refusal = error
        self._stop_clock()
        if self._exit.is_leaving or (self.cycle is not None and not self.cycle.response_complete):
            # Another answer is on its way, or may be half written: a second one would be taken for part of it.
            self.transport.abort()
            return
        path = bytes(self.url).partition(b"?")[0].decode("ascii", "replace") or "/"
        answer = self.owners.show(path, error)
        headers = dict(answer.raw_headers)
        headers |= {b"X-Request-ID": self.owners.show_id(path, str(uuid.uuid4())).encode(), b"connection": b"close"}
        lines = b"".join(b"%s: %s\r\n" % header for header in headers.items())
        self._exit.awaits_rest = True
        self._exit.write(b"%s%s\r\n%s" % (STATUS_LINE[answer.status_code], lines, bytes(answer.body)))
        self._exit.close()

    def _start_clock(self) -> None:
        self._stop_clock()
        self._head_timer = self.loop.call_later(_HEADER_SECONDS, self._late)

    def _late(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            return  # the head of a pipelined request; it has its time when its turn comes
        self.transport.close()

    def _stop_clock(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def protocol_with(doors: Doors, owners: Owners) -> type[Protocol]:
    """The protocol of a server with these doors and APIs: uvicorn makes one for each connection."""
    return type("Protocol", (Protocol,), {"doors": doors, "owners": owners})

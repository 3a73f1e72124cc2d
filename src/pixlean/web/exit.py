"""The way out of a connection: answers that somebody takes, and a close that does not tear them up."""

from __future__ import annotations

import asyncio
import contextlib

# A peer that takes less than this of an answer in a window does not want it.
_WINDOW_SECONDS = 10.0
_LEAST_BYTES = 10 << 10
# How much of an unwanted body is thrown away so that its sender sees the answer, and for how long: as long as it
# comes at a good rate, looked at in each stretch.
_LINGER_SECONDS = 3.0
_MOST_LINGER_SECONDS = 20.0
_GOOD_BYTES = 64 << 10
_MOST_DISCARDED_BYTES = 64 << 20


class Exit:
    """A transport as uvicorn writes to it, with a deadline that progress moves on, and a lingering close.

    Closing a socket on which unread bytes arrive resets it, and the reset may overtake the answer. So the sending
    side ends first, and what still comes is thrown away until the peer has seen it, for a while.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written = 0
        self._taken = 0
        self._watch: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._discarded = 0
        self._linger_until = 0.0
        self.is_leaving = False
        self.awaits_rest = False  # whether more of a request may come

    def write(self, data: bytes) -> None:
        """Write, and see to it that somebody reads; nothing where nobody is there any more."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._written += len(data)
        if self._watch is None and self._transport.get_write_buffer_size():
            self._taken = self._written - self._transport.get_write_buffer_size()
            self._watch = self._loop.call_later(_WINDOW_SECONDS, self._check)

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._transport.is_closing() or self.is_leaving

    def close(self) -> None:
        """Leave: the sending side ends, and the connection soon after."""
        if self.is_leaving or self._transport.is_closing():
            return
        self.is_leaving = True
        if not self.awaits_rest:
            self._end()
            return
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            if self._transport.can_write_eof():
                self._transport.write_eof()
        self._linger_until = self._loop.time() + _MOST_LINGER_SECONDS
        self._linger = self._loop.call_later(_LINGER_SECONDS, self._look_again, self._discarded)

    def may_go(self) -> None:
        """The request has come to its end: there is nothing to wait for."""
        self.awaits_rest = False
        if self.is_leaving:
            self._end()

    def discard(self, size_bytes: int) -> None:
        """Bytes came that nobody wants."""
        self._discarded += size_bytes
        if self._discarded > _MOST_DISCARDED_BYTES:
            self._transport.abort()

    def _look_again(self, discarded_before: int) -> None:
        if self._discarded - discarded_before < _GOOD_BYTES or self._loop.time() > self._linger_until:
            self._end()
        else:
            self._linger = self._loop.call_later(_LINGER_SECONDS, self._look_again, self._discarded)

    def stop(self) -> None:
        """Stop the clocks."""
        for timer in (self._watch, self._linger):
            if timer is not None:
                timer.cancel()
        self._watch = self._linger = None

    def _end(self) -> None:
        self._transport.close()  # which waits for what is still to be written; the watch sees that it is taken

    def _check(self) -> None:
        self._watch = None
        left = self._transport.get_write_buffer_size()
        if not left:
            return
        taken = self._written - left
        if taken - self._taken < min(_LEAST_BYTES, left):
            self._transport.abort()
            return
        self._taken = taken
        self._watch = self._loop.call_later(_WINDOW_SECONDS, self._check)

"""Event loops without sockets: the JavaScript engine runs one, and asyncio wakes it by a pair that no child may open.

A pipe does as well. What is overridden is private to asyncio and the same in Python 3.11 to 3.13
(``asyncio/selector_events.py``); where it should change, SVGs are minified by the second-best tool, which a test tells.
"""

from __future__ import annotations

import asyncio
import os


class _PipeEnd:
    """One end of a pipe with as much of a socket's face as asyncio uses."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _PipeLoop(asyncio.SelectorEventLoop):
    def _make_self_pipe(self) -> None:
        reading, writing = os.pipe()
        self._ssock, self._csock = _PipeEnd(reading), _PipeEnd(writing)
        self._internal_fds += 1  # type: ignore[attr-defined]
        self._add_reader(reading, self._read_from_self)  # type: ignore[attr-defined]


class _Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return _PipeLoop()


def wake_loops_by_pipes() -> None:
    """Let every event loop of this process from now on do without sockets."""
    asyncio.set_event_loop_policy(_Policy())

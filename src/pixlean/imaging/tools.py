"""Programs and code that must not run inside the codec's own process."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import lru_cache

from pixlean.domain.errors import EngineFailed, ErrorCode


@lru_cache(maxsize=8)
def find_tool(name: str) -> str | None:
    """The full path of an optional command-line tool, or ``None``."""
    return shutil.which(name, path="/usr/local/bin:/usr/bin:/bin")


def in_disposable_process(work: Callable[[], bytes], *, seconds: float = 20.0) -> bytes:
    """Run ``work`` in a forked copy of this process and return its bytes.

    For libraries that ``exit()`` or hang on bad input. Raises ``EngineFailed`` if the copy dies or takes longer
    than ``seconds``. The copy inherits every limit of this process.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            made = work()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(made)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        return _collect(child, reading, seconds)
    finally:
        os.close(reading)


def run_tool(argv: list[str], data: bytes, *, seconds: float = 50.0) -> bytes:
    """Run a filter program: ``data`` on its standard input, its standard output returned.

    No shell, no arguments from outside, an empty environment. Raises ``EngineFailed`` on a non-zero exit or
    after ``seconds``.
    """
    given = os.memfd_create("tool-input")
    try:
        os.write(given, b"") if not data else _write_all(given, data)
        os.lseek(given, 0, os.SEEK_SET)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.dup2(given, 0)
                os.dup2(writing, 1)
                quiet = os.open(os.devnull, os.O_WRONLY)
                os.dup2(quiet, 2)
                os.closerange(3, 256)
                os.execve(argv[0], argv, {})
            finally:
                os._exit(127)
        os.close(writing)
        try:
            return _collect(child, reading, seconds)
        finally:
            os.close(reading)
    finally:
        os.close(given)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _collect(child: int, reading: int, seconds: float) -> bytes:
    import select

    end = time.monotonic() + seconds
    chunks: list[bytes] = []
    poller = select.poll()
    poller.register(reading, select.POLLIN | select.POLLHUP)
    while True:
        left_ms = int((end - time.monotonic()) * 1000)
        if left_ms <= 0 or not poller.poll(left_ms):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise EngineFailed("a tool took too long", code=ErrorCode.TIMEOUT)
        chunk = os.read(reading, 1 << 20)
        if not chunk:
            break
        chunks.append(chunk)
    _, status = os.waitpid(child, 0)
    if status:
        raise EngineFailed(f"a tool failed with status {os.waitstatus_to_exitcode(status)}")
    return b"".join(chunks)

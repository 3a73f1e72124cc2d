"""Programs and code that must not run inside the codec's own process.

In the library a process is forked for each; a confined child may not fork and has a ``Porter`` instead, who stood by
its side before it was locked down (``sandbox.broker``).
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Protocol

from pixlean.domain.errors import EngineFailed, ErrorCode
from pixlean.domain.memory import MemoryFile, read_all, write_all

Errand = Callable[[bytes], bytes]


class Porter(Protocol):
    """Who has errands and programs run in a process of their own."""

    def run_errand(self, name: str, data: bytes, seconds: float) -> bytes:
        """The bytes that an errand makes of ``data``. Raises ``EngineFailed``."""

    def run_program(self, argv: list[str], data: bytes, seconds: float) -> bytes:
        """The standard output of a program with ``data`` on its standard input. Raises ``EngineFailed``."""


_errands: dict[str, Errand] = {}


@lru_cache(maxsize=8)
def find_tool(name: str) -> str | None:
    """The full path of an optional command-line tool, or ``None``."""
    return shutil.which(name, path="/usr/local/bin:/usr/bin:/bin")


def know_errand(name: str, errand: Errand) -> None:
    """Give an errand its name: only what is named before a child is locked down can be run for it."""
    _errands[name] = errand


def errand_named(name: str) -> Errand:
    """The errand of that name. Raises ``KeyError``."""
    return _errands[name]


def in_disposable_process(name: str, data: bytes, *, seconds: float = 20.0) -> bytes:
    """Have an errand run in a process of its own and return its bytes.

    For libraries that ``exit()`` or hang on bad input. Raises ``EngineFailed`` if that process dies or takes longer
    than ``seconds``. It has every limit of this process.
    """
    return _porters[-1].run_errand(name, data, seconds)


def run_tool(argv: list[str], data: bytes, *, seconds: float = 50.0) -> bytes:
    """Run a filter program: ``data`` on its standard input, its standard output returned.

    No shell, no arguments from outside, an empty environment. Raises ``EngineFailed`` on a non-zero exit or
    after ``seconds``.
    """
    return _porters[-1].run_program(argv, data, seconds)


def have_run_by(porter: Porter) -> None:
    """Let this one run all errands and programs from now on."""
    _porters.append(porter)


def turn_into(argv: list[str], source: int, result: int, keep: int) -> None:
    """Become a program that reads one descriptor and writes the other; does not return."""
    os.lseek(source, 0, os.SEEK_SET)
    os.dup2(source, 0)
    os.dup2(result, 1)
    with contextlib.suppress(OSError):  # in a child it is quiet already, and nothing opens for writing
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    # Whoever waits holds the other end of a pipe that is open here; it stays open until the program ends.
    for descriptor in range(3, 256):
        if descriptor != keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    os.set_inheritable(keep, True)
    os.execve(argv[0], argv, {})


class _Forking:
    """Forks for each; for the library, where nothing is confined."""

    def run_errand(self, name: str, data: bytes, seconds: float) -> bytes:
        errand = errand_named(name)
        return self._run(lambda source, result, _: write_all(result, errand(read_all(source))), data, seconds)

    def run_program(self, argv: list[str], data: bytes, seconds: float) -> bytes:
        return self._run(partial(turn_into, argv), data, seconds)

    def _run(self, work: Callable[[int, int, int], None], data: bytes, seconds: float) -> bytes:
        with MemoryFile("errand") as source, MemoryFile("errand-result") as result:
            source.write_all(data)
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    os.close(reading)
                    work(source.fileno(), result.fileno(), writing)
                    status = 0
                finally:
                    os._exit(status)
            os.close(writing)
            try:
                check_end(wait_for(child, reading, seconds))
            finally:
                os.close(reading)
            return result.read_all()


def wait_for(child: int, reading: int, seconds: float) -> int | None:
    """Wait until a process ends, which closes the other end of the pipe ``reading``, or kill it after ``seconds``.

    Its exit status, negative for a signal, or ``None`` where it took too long.
    """
    end = time.monotonic() + seconds
    poller = select.poll()
    poller.register(reading, select.POLLIN | select.POLLHUP)
    ended = bool(poller.poll(max(0, end - time.monotonic()) * 1000))
    if not ended:
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status) if ended else None


def check_end(status: int | None) -> None:
    """Raise ``EngineFailed`` unless a process ended well."""
    if status is None:
        raise EngineFailed("a tool took too long", code=ErrorCode.TIMEOUT)
    if status:
        raise EngineFailed(f"a tool failed with status {status}")


_porters: list[Porter] = [_Forking()]

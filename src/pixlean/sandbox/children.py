"""A child as the server sees it: its process, its channel, whose pictures it has seen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pixlean.sandbox import wire

# What codecs die of by themselves: their own faults, abort(3), and the limits of CPU time and file size. SIGKILL is
# not among them: it comes from outside, as from whoever frees memory on a machine that has none left.
_OWN_SIGNALS = frozenset(
    {
        signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS,
        signal.SIGXCPU, signal.SIGXFSZ,
    }
)  # fmt: skip
_GROUP_OF_PROCESSES = 4  # PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9
_END_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class Death:
    """How a process ended: by a signal, or with a status where that is 0."""

    signal: int
    status: int

    @property
    def is_its_own(self) -> bool:
        """Whether the process did it: it called ``exit()``, or a codec crashed or went past a limit."""
        return not self.signal or self.signal in _OWN_SIGNALS


@dataclass(eq=False, kw_only=True)
class Child:
    """One process. ``tenant`` is whose pictures it has seen, ``None`` before the first."""

    pid: int
    handle: int
    channel: socket.socket
    death: asyncio.Future[Death | None]
    tenant: str | None = None
    served: int = 0
    is_gone: bool = False

    def watch(self, gone: Callable[[Child], None]) -> None:
        """Call ``gone`` once when the process ends, whether it waits or works: its pidfd becomes readable then."""

        def noticed() -> None:
            if self.handle < 0:  # ended by us in the same turn of the loop
                return
            asyncio.get_running_loop().remove_reader(self.handle)
            self.is_gone = True
            gone(self)

        asyncio.get_running_loop().add_reader(self.handle, noticed)

    def is_quiet(self) -> bool:
        """Whether nothing waits in the channel: a child speaks only when it was asked."""
        poller = select.poll()
        poller.register(self.channel, select.POLLIN)
        return not self.is_gone and not poller.poll(0)

    def is_stopped(self) -> bool:
        """Whether somebody stopped the process (state T of proc(5)): it neither answers nor ends by itself."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
        except (OSError, IndexError):
            return False
        return not self.is_gone and state == b"T"

    async def how_it_ended(self) -> Death | None:
        """Its death as the zygote tells it; ``None`` where nobody does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                return await asyncio.shield(self.death)
        return None

    def kill(self) -> None:
        """End the process with all of its group, if it still lives, and let go of it."""
        if self.handle < 0:
            return
        handle, self.handle = self.handle, -1
        asyncio.get_running_loop().remove_reader(handle)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL, None, _GROUP_OF_PROCESSES)
        except OSError:  # an older kernel: the zygote ends the group
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        self.is_gone = True
        os.close(handle)
        close(self.channel)


async def receive(end: socket.socket, seconds: float | None, *, most_descriptors: int = 0) -> tuple[bytes, list[int]]:
    """One packet with its descriptors, without blocking the loop; empty bytes where the other side is gone."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        while True:
            try:
                return wire.receive(end, most_descriptors)
            except BlockingIOError:
                arrived = asyncio.Event()
                loop.add_reader(end.fileno(), arrived.set)
                try:
                    await arrived.wait()
                finally:
                    if end.fileno() >= 0:
                        loop.remove_reader(end.fileno())
            except ConnectionResetError:
                return b"", []


def close(end: socket.socket) -> None:
    """Close a socket that may be waited for: the loop forgets it first, as the next one gets its number."""
    if end.fileno() >= 0:
        asyncio.get_running_loop().remove_reader(end.fileno())
    end.close()

"""The zygote's work: fork a child for each wish, tell how each ended, and let nothing outlive them."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from pixlean.sandbox import kernel, wire

_PR_SET_CHILD_SUBREAPER = 36
_TICK_MS = 1000

# A child's whole life: its channel, the tool that it may have run. Does not return.
Serve = Callable[[int, str], None]


class Nursery:
    """The children of this process by number, each with its pidfd: readable once it has ended (pidfd_open(2))."""

    def __init__(self, control: socket.socket, serve: Serve) -> None:
        self._control = control
        self._serve = serve
        self._children: dict[int, int] = {}
        # What a child leaves behind becomes ours, and is ended below (PR_SET_CHILD_SUBREAPER of prctl(2)).
        kernel.prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> None:
        """Fork for each wish until the server closes its end; then end every child and return."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        while True:
            events = poller.poll(_TICK_MS)
            for descriptor, _ in events:
                if descriptor != self._control.fileno():
                    poller.unregister(descriptor)
            self._reap()
            if not any(descriptor == self._control.fileno() for descriptor, _ in events):
                continue
            packet, descriptors = wire.receive(self._control)
            if not packet:
                break
            handle = self._fork(wire.decode_fork(packet), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            if handle is not None:
                poller.register(handle, select.POLLIN)
        for pid in self._children:
            _kill_group(pid)

    def _fork(self, wish: wire.Fork, descriptors: list[int]) -> int | None:
        """Fork and tell so; the pidfd. A machine without another process to give is no reason to end."""
        try:
            pid = os.fork()
        except OSError as error:
            wire.send(self._control, wire.encode(wire.NotForked(number=wish.number, reason=str(error.strerror))))
            return None
        if pid == 0:
            self._control.close()
            self._serve(descriptors[0], wish.tool)
            os._exit(1)
        try:
            handle = os.pidfd_open(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            wire.send(self._control, wire.encode(wire.NotForked(number=wish.number, reason=str(error.strerror))))
            return None
        self._children[pid] = handle
        wire.send(self._control, wire.encode(wire.Forked(number=wish.number, pid=pid)), (handle,))
        return handle

    def _reap(self) -> None:
        """Tell of those who ended, and end what they left behind."""
        was_one = False
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                pid = ended.si_pid
                handle = self._children.pop(pid, None)
                if handle is not None:
                    # The number is still this child's, as it is not waited for yet: the group can be no other.
                    _kill_group(pid)
                    os.close(handle)
                    was_one = True
                os.waitpid(pid, 0)
                if handle is not None:
                    signalled = ended.si_code != os.CLD_EXITED
                    self._tell(pid, signalled=signalled, number=ended.si_status)
        if was_one:
            self._kill_strangers()

    def _tell(self, pid: int, *, signalled: bool, number: int) -> None:
        with contextlib.suppress(OSError):
            frame = wire.Ended(pid=pid, signal=number if signalled else 0, status=0 if signalled else number)
            wire.send(self._control, wire.encode(frame))

    def _kill_strangers(self) -> None:
        """End every process that became ours and is no child: what a child forked where no filter forbade it."""
        with contextlib.suppress(OSError, ValueError):  # a kernel without CONFIG_PROC_CHILDREN does not tell
            own = os.getpid()
            for text in Path(f"/proc/{own}/task/{own}/children").read_text().split():
                if int(text) not in self._children:
                    os.kill(int(text), signal.SIGKILL)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)

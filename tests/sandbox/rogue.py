"""A zygote whose children misbehave as the picture's trailing bytes tell them: what a broken codec would do."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

from pixlean.sandbox import child, wire

_honest = child._work


def _work(end: socket.socket, job: wire.Job, given: int, result: int) -> wire.Done:
    order = wire.read_all(given, os.fstat(given).st_size).rpartition(b"#")[2]
    if order == b"hang":
        time.sleep(3600)
    if order == b"spin":
        while True:
            pass
    if order == b"crash":
        signal.raise_signal(signal.SIGSEGV)
    if order == b"exit":
        os._exit(0)
    if order == b"eat":
        hoard = [bytearray(64 << 20) for _ in range(64)]
        raise AssertionError(len(hoard))
    if order == b"garbage":
        end.send(b"\x80\x04not a frame")
        time.sleep(3600)
    if order == b"lie":
        return wire.Done(
            size=10**12,
            format="png",
            method="x",
            width_px=1,
            height_px=1,
            frames=1,
            score=None,
            seconds={},
            evidence=[],
        )
    if order == b"network":
        socket.create_connection(("127.0.0.1", 6379), 1)
    if order == b"file":
        Path("/etc/passwd").read_text()
    if order == b"write":
        Path("/tmp/pixlean-escape").write_text("x")
    if order == b"program":
        os.execv("/bin/true", ["/bin/true"])
    return _honest(end, job, given, result)


child._work = _work
if __name__ == "__main__":
    child.main()

"""A zygote whose children misbehave as the picture's trailing bytes tell them: what a broken codec would do."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import signal
import socket
import time
from pathlib import Path

from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.memory import read_all, write_all
from pixlean.domain.report import Report
from pixlean.sandbox import child, kernel, wire

_honest = child._work
_honest_fork, _forks = os.fork, [0]
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def _report(**changes: object) -> Report:
    facts = {
        "format": Format.PNG, "method": "x", "size_bytes": len(PIXEL), "width_px": 1, "height_px": 1,
        "source_format": Format.JPEG, "source_bytes": 1, "source_px": (1, 1), **changes,
    }  # fmt: skip
    return Report(**facts)  # type: ignore[arg-type]


def _refused(name: str, *arguments: kernel.Argument) -> None:
    """Raise where a call is not refused."""
    result, error = kernel.call(name, *arguments)
    if error not in (1, 13):
        raise AssertionError(f"{name}: {result}, {error}")
    raise PermissionError(error, name)


def _work(end: socket.socket, order: wire.Order, picture: int, result: int) -> wire.Compressed | wire.Estimated:
    wish, _, argument = read_all(picture).rpartition(b"#")[2].partition(b":")
    if wish == b"hang":
        time.sleep(3600)
    if wish == b"spin":
        while True:
            pass
    if wish == b"crash":
        signal.raise_signal(signal.SIGSEGV)
    if wish == b"exit":
        os._exit(0)
    if wish == b"killed":  # as the kernel does where memory runs out: a child may not do it to itself by kill(2)
        Path(argument.decode())
        signal.raise_signal(signal.SIGKILL)
    if wish == b"stopped":
        signal.raise_signal(signal.SIGSTOP)
    if wish == b"eat":
        hoard = [bytearray(64 << 20) for _ in range(64)]
        raise AssertionError(len(hoard))
    if wish == b"eat shared":
        raise AssertionError(mmap.mmap(-1, 4096))
    if wish == b"garbage":
        end.sendmsg([b"\x80\x04not a frame"])
        time.sleep(3600)
    if wish == b"early":  # an answer to whatever comes next
        end.sendmsg([wire.encode(wire.Taken(number=order.number + 1))])
    if wish == b"stale":
        end.sendmsg([wire.encode(wire.Probed(number=order.number - 1, raw_bytes=1))])
        time.sleep(3600)
    if wish == b"lie":
        return wire.Compressed(report=_report(size_bytes=10**12))
    if wish == b"header":
        write_all(result, PIXEL)
        size = os.fstat(picture).st_size
        return wire.Compressed(report=_report(method="x\r\nSet-Cookie: a=1", source_bytes=size))
    if wish == b"words":
        raise BadImage("not\x1b[2J a picture\r\n", facts={"retry_after": "1\r\nX: y", "Bad Key": 1, "width": 3})
    if wish == b"number":
        raise BadImage(str(os.getpid()))
    if wish == b"network":
        socket.create_connection(("127.0.0.1", 6379), 1)
    if wish == b"file":
        Path(argument.decode() or "/etc/passwd").read_text()
    if wish == b"write":
        Path("/tmp/pixlean-escape").write_text("x")
    if wish == b"write picture":
        os.pwrite(picture, b"x", 0)
    if wish == b"program":
        os.execv("/bin/true", ["/bin/true"])
    if wish == b"fork":
        _orphan()
    if wish == b"orphan":
        raise BadImage(str(_orphan()))
    if wish == b"signal":
        os.kill(int(argument), 0)
    if wish == b"thread signal":
        _refused("tgkill", int(argument), int(argument), 0)
    if wish == b"limits":
        resource.prlimit(int(argument), resource.RLIMIT_NOFILE)
    if wish == b"mode":
        os.chmod(argument, 0o777)
    if wish == b"rename":
        os.rename(argument, argument + b"2")
    if wish == b"memory file":
        os.memfd_create("x")
    if wish == b"death signal" and ctypes.CDLL(None).prctl(kernel.PR_SET_PDEATHSIG, 0):
        raise PermissionError
    if wish == b"descriptor":  # handed to the server, which must not keep it
        wire.send(end, wire.encode(wire.Probed(number=order.number, raw_bytes=1)), (picture,))
        wire.receive(end, 0)
        raise BadImage("sent")
    return _honest(end, order, picture, result)


def _orphan() -> int:
    number = _honest_fork()
    if number == 0:
        with contextlib.suppress(OSError):
            os.setsid()
        time.sleep(60)
        os._exit(0)
    return number


child._work = _work
if __name__ == "__main__":
    child.main()

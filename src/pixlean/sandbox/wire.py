"""The frames between the server and a child: msgspec structs as JSON over a socket pair, bytes by descriptor.

A child is not trusted once it has seen a picture: its frames are decoded into fixed types, never unpickled.
"""

from __future__ import annotations

import array
import os
import socket
import tempfile
from typing import Literal

import msgspec

from pixlean.domain.estimate import Estimate
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe

MAX_FRAME_BYTES = 1 << 16


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do; the input and the result descriptor travel with it.

    ``total_bytes`` is set where an estimate has only the first bytes of a file, and is the size of the file.
    """

    ask: Literal["compress", "estimate"]
    recipe: Recipe
    limits: Limits
    seconds: float
    total_bytes: int | None = None


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """The zygote is warm: what it has and how its children will be confined."""

    tools: dict[str, bool]
    versions: dict[str, str]
    layers: dict[str, bool]


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """A child is confined and waits for its job."""


class Probed(msgspec.Struct, frozen=True, kw_only=True, tag="probed"):
    """The header is read: decoding will need about ``raw_bytes``; the child waits for a go."""

    raw_bytes: int


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The result stands in the result descriptor."""

    size: int
    format: str
    method: str
    width_px: int
    height_px: int
    frames: int
    score: float | None
    seconds: dict[str, float]
    evidence: list[tuple[str, int | None, str | None]]
    original_format: str = ""
    quality: int | None = None
    encodes: int = 0
    target_met: bool | None = None
    resized: bool = False
    source_px: tuple[int, int] = (0, 0)


class Estimated(msgspec.Struct, frozen=True, kw_only=True, tag="estimated"):
    """A forecast, or ``None`` where the first bytes of a file say too little."""

    estimate: Estimate | None


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """One of our errors, by its stable code."""

    code: str
    message: str
    facts: dict[str, int | float | str | bool | None]


Frame = Hello | Ready | Probed | Done | Estimated | Failed
_decoder = msgspec.json.Decoder(Frame)
_job_decoder = msgspec.json.Decoder(Job)


def encode(frame: msgspec.Struct) -> bytes:
    """A frame as the bytes of one packet."""
    return msgspec.json.encode(frame)


def decode(packet: bytes) -> Frame:
    """A child's packet as a frame. Raises ``msgspec.MsgspecError`` on garbage."""
    frame: Frame = _decoder.decode(packet)
    return frame


def decode_job(packet: bytes) -> Job:
    """The parent's packet as a job."""
    return _job_decoder.decode(packet)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep packet borders and carry descriptors."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet with descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([packet], rights)


def receive(end: socket.socket, most_descriptors: int = 4) -> tuple[bytes, list[int]]:
    """Receive one packet with its descriptors; empty bytes mean that the other side is gone."""
    packet, ancillary, _, _ = end.recvmsg(MAX_FRAME_BYTES, socket.CMSG_SPACE(4 * most_descriptors))
    found = array.array("i")
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(body[: len(body) - len(body) % found.itemsize])
    return packet, list(found)


def memory_file(name: str) -> int:
    """A nameless file in memory, or an unlinked private one where the kernel has no memfd."""
    try:
        return os.memfd_create(name)
    except (AttributeError, OSError):
        with tempfile.TemporaryFile(prefix=f"pixlean-{name}-") as file:
            return os.dup(file.fileno())


def read_all(descriptor: int, size: int) -> bytes:
    """The first ``size`` bytes of a file."""
    chunks, at = [], 0
    while at < size:
        chunk = os.pread(descriptor, size - at, at)
        if not chunk:
            break
        chunks.append(chunk)
        at += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, from the start of the file."""
    view, at = memoryview(data), 0
    while at < len(view):
        at += os.pwrite(descriptor, view[at:], at)

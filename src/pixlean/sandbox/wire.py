"""The frames between the server, the zygote and the children: msgspec structs as JSON, bytes by descriptor.

A child is not trusted once it has seen a picture: its frames are decoded into fixed types, never unpickled, and
``claims`` looks at every word. Orders have numbers that nobody can guess, and what answers one carries its number.
"""

from __future__ import annotations

import array
import socket
from typing import Literal

import msgspec

from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Report

MAX_FRAME_BYTES = 1 << 16


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What the zygote is told when it starts: what its children may use, and what must stay closed to them."""

    memory_bytes: int
    timeout_seconds: float
    required: bool = False
    uid: int = 65534
    private: list[str] = []


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """The zygote shall fork a child; ``tool`` is the program that this one may have run."""

    number: int
    tool: str = ""


class Forked(msgspec.Struct, frozen=True, kw_only=True, tag="forked"):
    """A child was forked; its pidfd travels with this."""

    number: int
    pid: int


class NotForked(msgspec.Struct, frozen=True, kw_only=True, tag="not_forked"):
    """There is no process left for another child just now."""

    number: int
    reason: str


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A child ended: by a signal, or with a status where that is 0."""

    pid: int
    signal: int
    status: int


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """The zygote is warm: which tools there are, of which version."""

    tools: dict[str, bool]
    versions: dict[str, str]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do; the input and the result descriptor travel with it.

    ``total_bytes`` is set where an estimate has only the first bytes of a file, and is the size of the file.
    ``alternatives`` where an estimate is to speak of other formats too.
    """

    number: int = 0
    ask: Literal["compress", "estimate", "inspect"]
    recipe: Recipe
    limits: Limits
    seconds: float
    total_bytes: int | None = None
    alternatives: bool = False


class Go(msgspec.Struct, frozen=True, kw_only=True):
    """There is memory for the pixels of this order."""

    number: int


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """A child is confined, has tried what it must not be able to do, and waits for its first order."""

    layers: dict[str, bool]
    refused: list[str] = []
    escaped: list[str] = []


class Taken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """The child has the order and reads the picture from now on: what kills it now may be the picture."""

    number: int


class Probed(msgspec.Struct, frozen=True, kw_only=True, tag="probed"):
    """The header is read: decoding will need about ``raw_bytes``; the child waits for a go."""

    number: int = 0
    raw_bytes: int


class Compressed(msgspec.Struct, frozen=True, kw_only=True, tag="compressed"):
    """The result stands in the result descriptor; this is what is said of it."""

    number: int = 0
    report: Report


class Estimated(msgspec.Struct, frozen=True, kw_only=True, tag="estimated"):
    """A forecast, or ``None`` where the first bytes of a file say too little.

    ``report`` is that of the result, whose bytes are then in the result's descriptor, where it was made to know.
    """

    number: int = 0
    estimate: Estimate | None
    report: Report | None = None


class Inspected(msgspec.Struct, frozen=True, kw_only=True, tag="inspected"):
    """What a picture is."""

    number: int = 0
    facts: Facts


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """One of our errors, by its stable code."""

    number: int = 0
    code: str
    message: str
    facts: dict[str, int | float | str | bool | None]


FromZygote = Hello | Forked | NotForked | Ended
Answer = Compressed | Estimated | Inspected | Failed
Frame = Ready | Taken | Probed | Answer
_from_zygote = msgspec.json.Decoder(FromZygote)
_from_child = msgspec.json.Decoder(Frame)
_start = msgspec.json.Decoder(Start)
_order = msgspec.json.Decoder(Order)
_go = msgspec.json.Decoder(Go)
_fork = msgspec.json.Decoder(Fork)


def encode(frame: msgspec.Struct) -> bytes:
    """A frame as the bytes of one packet."""
    return msgspec.json.encode(frame)


def decode(packet: bytes) -> Frame:
    """A child's packet as a frame. Raises ``msgspec.MsgspecError`` on garbage."""
    frame: Frame = _from_child.decode(packet)
    return frame


def decode_zygote(packet: bytes) -> FromZygote:
    """The zygote's packet as a frame. Raises ``msgspec.MsgspecError`` on garbage."""
    frame: FromZygote = _from_zygote.decode(packet)
    return frame


def decode_start(text: str) -> Start:
    """What stands on the zygote's command line."""
    return _start.decode(text)


def decode_order(packet: bytes) -> Order:
    """The parent's packet as an order."""
    return _order.decode(packet)


def decode_go(packet: bytes) -> Go:
    """The parent's packet that lets the decoding begin."""
    return _go.decode(packet)


def decode_fork(packet: bytes) -> Fork:
    """The parent's packet to the zygote."""
    return _fork.decode(packet)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep packet borders and carry descriptors."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(end: socket.socket, packet: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send one packet with descriptors."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    end.sendmsg([packet], rights)


def receive(end: socket.socket, most_descriptors: int = 4) -> tuple[bytes, list[int]]:
    """Receive one packet with its descriptors; empty bytes mean that the other side is gone.

    Descriptors beyond ``most_descriptors`` are closed by the kernel (unix(7), MSG_CTRUNC): who takes none from a
    stranger says 0.
    """
    space = socket.CMSG_SPACE(4 * most_descriptors) if most_descriptors else 0
    try:
        packet, ancillary, _, _ = end.recvmsg(MAX_FRAME_BYTES, space)
    except ConnectionResetError:  # It went without reading what it had been sent, as the killed do.
        return b"", []
    found = array.array("i")
    for level, kind, body in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(body[: len(body) - len(body) % found.itemsize])
    return packet, list(found)

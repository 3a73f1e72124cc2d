"""The process at a child's side that forks for it: a child, which reads strangers' bytes, may not fork at all.

The broker is as confined as its child but for forking and signals, and reads no picture: it is told the name of an
errand or the arguments of a program, and forks a process that locks itself down further, does it over two files in
memory, and ends. Nothing outlives a child: each dies with its parent (PR_SET_PDEATHSIG), and the zygote kills the
group.
"""

from __future__ import annotations

import os
import select
import socket
from dataclasses import dataclass

import msgspec

from pixlean.domain.errors import EngineFailed, ErrorCode
from pixlean.domain.memory import read_all, write_all
from pixlean.imaging.tools import check_end, errand_named, turn_into, wait_for
from pixlean.sandbox import wire
from pixlean.sandbox.privileges import allow_cpu, die_with_parent
from pixlean.sandbox.seccomp import restrict_calls

# Descriptors of a child and its broker: 0 to 2 lead nowhere, 3 is the channel.
CHANNEL, BROKER_CHANNEL, SOURCE, RESULT = 3, 4, 5, 6
_PATIENCE_SECONDS = 5.0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a child wants to have run: an errand by its name, or a program with its arguments."""

    name: str = ""
    argv: list[str] = []
    seconds: float


_decoder = msgspec.json.Decoder(Errand)


@dataclass(frozen=True)
class Broker:
    """The child's side: a ``Porter`` who asks the process at the other end."""

    end: socket.socket

    def run_errand(self, name: str, data: bytes, seconds: float) -> bytes:
        """The bytes that an errand makes of ``data``. Raises ``EngineFailed``."""
        return self._run(Errand(name=name, seconds=seconds), data)

    def run_program(self, argv: list[str], data: bytes, seconds: float) -> bytes:
        """The standard output of a program. Raises ``EngineFailed``."""
        return self._run(Errand(argv=argv, seconds=seconds), data)

    def _run(self, errand: Errand, data: bytes) -> bytes:
        os.ftruncate(RESULT, 0)
        os.ftruncate(SOURCE, 0)
        write_all(SOURCE, data)
        wire.send(self.end, msgspec.json.encode(errand))
        if not select.select([self.end], [], [], errand.seconds + _PATIENCE_SECONDS)[0]:
            raise EngineFailed("a tool took too long", code=ErrorCode.TIMEOUT)
        answer = wire.receive(self.end, most_descriptors=0)[0]
        check_end(msgspec.json.decode(answer, type=int | None) if answer else 1)
        result = read_all(RESULT)
        os.ftruncate(RESULT, 0)
        os.ftruncate(SOURCE, 0)
        return result


def open_broker(*, tool: str | None) -> tuple[Broker, int]:
    """Fork the broker of this process, before its filter is put on; its number. Descriptors 4 to 6 are taken."""
    for number, name in ((SOURCE, "errand"), (RESULT, "errand-result")):
        take_place(os.memfd_create(name), number)
    ours, theirs = wire.socket_pair()
    process = os.fork()
    if process == 0:
        try:
            die_with_parent()
            take_place(theirs.detach(), CHANNEL)
            os.close(ours.detach())
            end = opened_channel(CHANNEL)
            restrict_calls(channels=(CHANNEL,), is_broker=True)
            _serve(end, tool)
        finally:
            os._exit(0)
    theirs.close()
    take_place(ours.detach(), BROKER_CHANNEL)
    return Broker(opened_channel(BROKER_CHANNEL)), process


def opened_channel(number: int) -> socket.socket:
    """The socket at a descriptor."""
    return socket.socket(fileno=number, family=socket.AF_UNIX, type=socket.SOCK_SEQPACKET, proto=0)


def _serve(end: socket.socket, tool: str | None) -> None:
    """Run what is asked for until the child lets go."""
    while True:
        packet = wire.receive(end, most_descriptors=0)[0]
        if not packet:
            return
        wire.send(end, msgspec.json.encode(_status_of(_decoder.decode(packet), tool)))


def _status_of(errand: Errand, tool: str | None) -> int | None:
    reading, writing = os.pipe()
    try:
        process = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return 1
    if process == 0:
        status = 1
        try:
            die_with_parent()
            os.close(reading)
            os.close(CHANNEL)
            allow_cpu(int(errand.seconds) + 1)
            _work(errand, tool, writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        return wait_for(process, reading, errand.seconds)
    finally:
        os.close(reading)


def _work(errand: Errand, tool: str | None, writing: int) -> None:
    """Lock down further, then do it: from here on strangers' bytes are read."""
    if errand.argv:
        if errand.argv[0] != tool:
            return
        restrict_calls(may_execute=True)
        turn_into(errand.argv, SOURCE, RESULT, writing)
    restrict_calls()
    write_all(RESULT, errand_named(errand.name)(read_all(SOURCE)))


def take_place(descriptor: int, number: int) -> None:
    """Give an open descriptor this number, and no other."""
    if descriptor != number:
        os.dup2(descriptor, number, inheritable=False)
        os.close(descriptor)

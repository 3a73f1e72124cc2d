"""The zygote and its children: the only importer of the engine on the server's side.

``python -m pixlean.sandbox.child FD TERMS`` warms the engine up in one single-threaded process and forks a child for
each wish that comes through the descriptor. A child confines itself, proves it, does its orders one after the other
and ends.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from functools import lru_cache, partial

import msgspec

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.formats import FORMATS
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline
from pixlean.domain.memory import read_all, write_all
from pixlean.domain.report import Report
from pixlean.imaging.tools import find_tool, have_run_by
from pixlean.sandbox import wire
from pixlean.sandbox.broker import CHANNEL, RESULT, open_broker, opened_channel, take_place
from pixlean.sandbox.confine import Bounds, bounds_for, give_up_rights
from pixlean.sandbox.loops import wake_loops_by_pipes
from pixlean.sandbox.nursery import Nursery
from pixlean.sandbox.places import readable_places
from pixlean.sandbox.privileges import allow_cpu, die_with_parent
from pixlean.sandbox.proof import Proof, prove_before_filter, prove_by_trying, stands_alone
from pixlean.sandbox.seccomp import restrict_calls
from pixlean.sandbox.warm import warm_up

_CPU_SLACK_SECONDS = 5
_FILE_BYTES = 1 << 30
# What was tried is told up to here: a frame has an end.
_MOST_ATTEMPTS = 20


def main() -> None:
    """Fork a child for each wish until the server closes its end."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    start = wire.decode_start(sys.argv[2])
    wake_loops_by_pipes()
    tools, versions = warm_up()
    for tool in ("", *(row.tool for row in FORMATS.values() if tools.get(row.tool))):
        _bounds(start, tool)
    gc.collect()
    gc.freeze()  # a child's collector leaves what was here before it alone, and the pages shared (gc, "freeze")
    wire.send(control, wire.encode(wire.Hello(tools=tools, versions=versions)))
    Nursery(control, partial(_serve, start)).run()


def _bounds(start: wire.Start, tool: str) -> Bounds:
    return _bounds_of(start.memory_bytes, start.uid, tool)


@lru_cache(maxsize=4)
def _bounds_of(memory_bytes: int, uid: int, tool: str) -> Bounds:
    """What children with this tool are kept to: made before the first is forked, and inherited."""
    program = find_tool(tool) if tool else None
    return bounds_for(
        memory_bytes=memory_bytes,
        file_bytes=_FILE_BYTES,
        readable=readable_places(),
        tools=(program,) if program else (),
        uid=uid,
    )


def _serve(start: wire.Start, channel: int, tool: str) -> None:
    """Confine this process, prove it, do orders until the server lets go, end; never returns."""
    status = 1
    try:
        end, proof = _locked_down(start, channel, tool)
        wire.send(
            end,
            wire.encode(wire.Ready(layers=proof.layers, refused=list(proof.refused), escaped=list(proof.escaped))),
        )
        if start.required and not proof.holds:
            os._exit(status)
        while True:
            packet, descriptors = wire.receive(end)
            if not packet:
                break
            order = wire.decode_order(packet)
            wire.send(end, wire.encode(wire.Taken(number=order.number)))
            allow_cpu(int(start.timeout_seconds) + _CPU_SLACK_SECONDS)
            picture, result = descriptors[:2]
            answer = msgspec.structs.replace(_answer(end, order, picture, result), number=order.number)
            wire.send(end, wire.encode(answer))
            for descriptor in descriptors:
                os.close(descriptor)
        status = 0
    finally:
        os._exit(status)


def _locked_down(start: wire.Start, channel: int, tool: str) -> tuple[socket.socket, Proof]:
    """Put everything on; the channel, and what was seen to hold."""
    zygote = os.getppid()
    os.setsid()
    bounds = _bounds(start, tool)
    # Codecs complain of hostile files on stderr, and none of it is for the server's log: evidence travels in frames.
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        take_place(os.open(os.devnull, flags), number)
    files = give_up_rights(bounds)
    die_with_parent()
    if os.getppid() != zygote:  # it ended before we asked
        os._exit(1)
    before = prove_before_filter(abi=bounds.landlock_abi, files=files)
    take_place(channel, CHANNEL)
    os.closerange(CHANNEL + 1, 1 << 16)
    broker, _ = open_broker(tool=find_tool(tool) if tool else None)
    have_run_by(broker)
    os.closerange(RESULT + 1, 1 << 16)
    end = opened_channel(CHANNEL)
    calls = restrict_calls(channels=(CHANNEL, broker.end.fileno()))
    proof = prove_by_trying(before, calls=calls, parent=zygote, private=start.private)
    return end, replace(proof, layers={**proof.layers, "session": stands_alone()})


def _answer(end: socket.socket, order: wire.Order, picture: int, result: int) -> wire.Answer:
    try:
        return _work(end, order, picture, result)
    except PixleanError as error:
        facts: dict[str, int | float | str | bool | None] = {
            key: value for key, value in error.facts.items() if isinstance(value, int | float | str)
        }
        return wire.Failed(code=str(error.code), message=error.message[:500], facts=facts)
    except MemoryError:
        return wire.Failed(
            code=str(ErrorCode.IMAGE_TOO_LARGE), message="the image needs more memory than allowed", facts={}
        )
    except BaseException as error:
        message = f"the encoder failed: {type(error).__name__}"
        return wire.Failed(code=str(ErrorCode.ENGINE_FAILED), message=message, facts={})


def _work(
    end: socket.socket, order: wire.Order, picture: int, result: int
) -> wire.Compressed | wire.Estimated | wire.Inspected:
    from pixlean.engine.alternatives import alternatives
    from pixlean.engine.compress import compress_source
    from pixlean.engine.estimate import estimate_head, forecast_source
    from pixlean.engine.inspect import inspect_source
    from pixlean.engine.probe import open_source

    deadline = Deadline.after(order.seconds)
    started = time.perf_counter()
    data = read_all(picture)
    if order.total_bytes is not None:
        return wire.Estimated(estimate=estimate_head(data, order.total_bytes, order.recipe, order.limits))
    source = open_source(data, order.limits)
    probed = time.perf_counter()
    wire.send(end, wire.encode(wire.Probed(number=order.number, raw_bytes=_raw_bytes(source.info))))
    go = wire.receive(end, most_descriptors=0)[0]
    if not go or wire.decode_go(go).number != order.number:
        os._exit(0)
    if order.ask == "estimate":
        estimate, made = forecast_source(source, order.recipe, deadline)
        others = alternatives(source, order.recipe, deadline) if order.alternatives else ()
        if made is not None:
            write_all(result, made.data)
        report = None if made is None else _told(made.report)
        return wire.Estimated(estimate=replace(estimate, alternatives=others), report=report)
    if order.ask == "inspect":
        return wire.Inspected(facts=inspect_source(source, deadline))
    outcome = compress_source(source, order.recipe, deadline)
    write_all(result, outcome.data)
    return wire.Compressed(report=_told(outcome.report, probe=probed - started))


def _told(report: Report, **seconds: float) -> Report:
    """A report as it travels."""
    return replace(report, attempts=report.attempts[:_MOST_ATTEMPTS], seconds={**seconds, **report.seconds})


def _raw_bytes(info: ImageInfo) -> int:
    """Bytes of the decoded frames that are in memory together, 4 a pixel, twice where deep."""
    return info.pixels * min(info.frames, 64) * (4 if info.bit_depth <= 8 else 8)


if __name__ == "__main__":
    main()

"""The zygote and its children: the only importer of the engine on the server's side.

``python -m pixlean.sandbox.child FD`` warms the engine up in one single-threaded process and forks a child for each
order that comes through the descriptor. A child confines itself, does its jobs one after the other and ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline
from pixlean.sandbox import wire
from pixlean.sandbox.confine import allow_cpu, available_layers, confine, die_with_parent, readable_places

_PLAIN, _TOOL = b"plain", b"tool"
_CPU_SLACK_SECONDS = 5
_FILE_BYTES = 1 << 30


def main() -> None:
    """Serve fork orders until the server closes its end."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    memory_bytes, timeout_seconds = int(sys.argv[2]), float(sys.argv[3])
    tools, versions = _warm_up()
    readable = readable_places()
    wire.send(control, wire.encode(wire.Hello(tools=tools, versions=versions, layers=available_layers())))
    while True:
        _reap()
        if not select.select([control], [], [], 0.5)[0]:
            continue
        order, descriptors = wire.receive(control)
        if not order:
            return
        child = os.fork()
        if child == 0:
            control.close()
            _serve(descriptors[0], order == _TOOL, memory_bytes, timeout_seconds, readable)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(child)
            wire.send(control, str(child).encode(), (handle,))
            os.close(handle)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _warm_up() -> tuple[dict[str, bool], dict[str, str]]:
    """Import what most jobs need and start no thread: threads do not survive a fork."""
    from importlib import metadata, util

    import cv2

    from pixlean.domain.formats import Format
    from pixlean.engine import compress, estimate  # noqa: F401 - imported for their modules
    from pixlean.engine.registry import codec_for
    from pixlean.imaging import jpegli
    from pixlean.imaging.tools import find_tool

    cv2.setNumThreads(1)
    for file_format in Format:
        codec_for(file_format)
    for name in ("oxipng", "imagecodecs", "pyvips", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"):
        with contextlib.suppress(ImportError):
            __import__(name)
    has = {
        "pngquant": util.find_spec("pyvips") is not None,
        "jpegtran": jpegli.available(),
        "gifsicle": find_tool("gifsicle") is not None,
        "cwebp": util.find_spec("pyvips") is not None,
        "oxipng": util.find_spec("oxipng") is not None,
        "pillow_heif": util.find_spec("pillow_heif") is not None,
        "scour": util.find_spec("scour") is not None,
        "pillow": True,
        "jxl_plugin": util.find_spec("imagecodecs") is not None,
    }
    versions: dict[str, str] = {}
    for package in ("pillow", "pyvips-binary", "imagecodecs", "pyoxipng", "pyjpegli", "pillow-heif", "scour"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return has, versions


def _serve(channel: int, with_tool: bool, memory_bytes: int, seconds: float, readable: list[str]) -> None:
    """Confine this process, do jobs until the server lets go, end; never returns."""
    status = 1
    try:
        die_with_parent()
        end = socket.socket(fileno=channel)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)  # codecs complain of hostile files on stderr; evidence travels in frames
        from pixlean.imaging.tools import find_tool

        tool = find_tool("gifsicle") if with_tool else None
        confine(
            memory_bytes=memory_bytes,
            file_bytes=_FILE_BYTES,
            tools=(tool,) if tool else (),
            readable=readable,
        )
        wire.send(end, wire.encode(wire.Ready()))
        while True:
            packet, descriptors = wire.receive(end)
            if not packet:
                break
            allow_cpu(int(seconds) + _CPU_SLACK_SECONDS)
            given, result = descriptors[:2]
            wire.send(end, wire.encode(_answer(end, wire.decode_job(packet), given, result)))
            for descriptor in descriptors:
                os.close(descriptor)
        status = 0
    finally:
        os._exit(status)


def _answer(end: socket.socket, job: wire.Job, given: int, result: int) -> wire.Done | wire.Estimated | wire.Failed:
    try:
        return _work(end, job, given, result)
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


def _work(end: socket.socket, job: wire.Job, given: int, result: int) -> wire.Done | wire.Estimated:
    from pixlean.engine.compress import compress
    from pixlean.engine.estimate import estimate, estimate_head
    from pixlean.engine.probe import probe

    deadline = Deadline.after(job.seconds)
    started = time.perf_counter()
    data = wire.read_all(given, os.fstat(given).st_size)
    if job.total_bytes is not None:
        return wire.Estimated(estimate=estimate_head(data, job.total_bytes, job.recipe, job.limits))
    info = probe(data, job.limits)
    probed = time.perf_counter()
    wire.send(end, wire.encode(wire.Probed(raw_bytes=_raw_bytes(info))))
    if not wire.receive(end)[0]:
        os._exit(0)
    if job.ask == "estimate":
        return wire.Estimated(estimate=estimate(data, job.recipe, job.limits, deadline, info=info))
    outcome = compress(data, job.recipe, job.limits, deadline, info=info)
    wire.write_all(result, outcome.data)
    return wire.Done(
        size=len(outcome.data),
        format=str(outcome.format),
        method=outcome.method,
        original_format=str(info.format),
        source_px=info.displayed_px,
        width_px=outcome.width_px,
        height_px=outcome.height_px,
        resized=outcome.resized,
        quality=outcome.quality,
        encodes=outcome.encodes,
        target_met=outcome.target_met,
        frames=info.frames,
        score=outcome.score,
        seconds={"probe": probed - started, **outcome.seconds},
        evidence=[(item.method, item.size_bytes, item.dropped) for item in outcome.attempts[:20]],
    )


def _raw_bytes(info: ImageInfo) -> int:
    """Bytes of the decoded frames that are in memory together, 4 a pixel, twice where deep."""
    return info.pixels * min(info.frames, 64) * (4 if info.bit_depth <= 8 else 8)


if __name__ == "__main__":
    main()

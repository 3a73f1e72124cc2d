"""What strangers may cost before a request is one: heads, connections, unread bodies, slow peers, held uploads."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable

import pytest
from starlette.requests import Request
from test_optimize import exchange, post

from pictures import photo, saved
from pixlean.domain.budget import ByteBudget
from pixlean.domain.errors import ErrorCode, PixleanError, Unavailable
from pixlean.domain.share import working_for
from pixlean.web.body import read_raw
from pixlean.web.doors import Doors
from pixlean.web.doors import Settings as DoorSettings
from pixlean.web.settings import Settings
from serving import Server


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def seconds_until_closed(stream: socket.socket) -> float:
    started = time.monotonic()
    with contextlib.suppress(OSError):
        while stream.recv(65536):
            pass
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (32 << 20), b"431"),
        (b"GET /" + b"a" * (32 << 20), b"414"),
        (b"GET /health?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 200_000, b"431"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 100 + b"\r\n", b"431"),
    ],
)
def test_a_head_that_is_too_large_is_refused_before_it_is_parsed(server: Server, head: bytes, status: bytes) -> None:
    slowest, over = [0.0], threading.Event()

    def probe() -> None:
        while not over.is_set():
            started = time.monotonic()
            server.client.get("/health")
            slowest[0] = max(slowest[0], time.monotonic() - started)

    watch = threading.Thread(target=probe)
    watch.start()
    with connected(server) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(head)
        answer = b""
        with contextlib.suppress(OSError):
            answer = stream.recv(65536)
    over.set()
    watch.join()
    # The answer may be lost where the sender is still pouring when the server has had enough.
    assert answer.startswith(b"HTTP/1.1 " + status) or (not answer and len(head) > 1 << 20)
    assert slowest[0] < 3


def test_refusals_are_in_the_words_of_the_dialect_that_owns_the_path(server: Server) -> None:
    head = b"GET %s HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 101 + b"\r\n"
    assert b'"success":false' in exchange(server, head % b"/optimize")
    assert b"INVALID_INPUT" in exchange(server, head % b"/api/compress")
    assert b"BadRequest" in exchange(server, head % b"/shrink")


def test_a_hundred_headers_and_requests_one_after_the_other_are_served(server: Server) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 98
    answer = exchange(server, head + b"\r\n" + head + b"Connection: close\r\n\r\n", answers=2)
    assert answer.count(b"HTTP/1.1 200") == 2


def test_a_body_that_nobody_reads_ends_the_connection_and_not_the_answer(server: Server) -> None:
    for line, status in ((b"GET /health", b"200"), (b"POST /nothing", b"404")):
        with connected(server) as stream:
            stream.sendall(line + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
            answer = stream.recv(65536)
            assert answer.startswith(b"HTTP/1.1 " + status) and b"connection: close" in answer.lower()
            stop = time.monotonic() + 10
            with pytest.raises(OSError):
                while time.monotonic() < stop:
                    stream.sendall(b"x")
                    time.sleep(0.1)
                raise AssertionError("still open")


def test_the_answer_is_read_by_who_sends_a_large_body_first(serve: Callable[..., Server]) -> None:
    """Without a lingering close the reset overtakes the 413."""
    server = serve(MAX_FILE_SIZE_MB="1")
    for _ in range(5):
        answer = server.client.post("/optimize", files={"file": ("a.png", bytes(8 << 20))})
        assert answer.status_code == 413 and answer.headers["connection"] == "close"


def test_chunk_extensions_and_trailers_have_an_end(server: Server) -> None:
    head = b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    flood = head + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * (1 << 20)
    with connected(server) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(flood)
        assert seconds_until_closed(stream) < 10


def test_descriptors_that_run_out_shut_nobody_out(serve: Callable[..., Server]) -> None:
    """Connections that ask nothing make way for one that does."""
    server = serve(MAX_CONNECTIONS="30")
    crowd = [connected(server) for _ in range(60)]
    try:
        time.sleep(0.5)
        with connected(server) as stream:
            stream.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert stream.recv(100).startswith(b"HTTP/1.1 200")
        sockets = [
            os.readlink(f"/proc/{server.process.pid}/fd/{name}")
            for name in os.listdir(f"/proc/{server.process.pid}/fd")
        ]
        assert sum("socket" in name for name in sockets) < 60
    finally:
        for stream in crowd:
            stream.close()


class _Guest:
    def __init__(self) -> None:
        self.left = False

    def make_way(self) -> None:
        self.left = True


def test_doors_count_by_address_and_in_all() -> None:
    doors = Doors(DoorSettings(most=4, most_per_address=2), 1000)
    guests = [_Guest() for _ in range(8)]
    assert doors.enter(guests[0], "10.0.0.1") and doors.enter(guests[1], "10.0.0.1")
    doors.at_work(guests[0])
    assert doors.enter(guests[2], "10.0.0.1") and guests[1].left and not guests[0].left
    doors.at_work(guests[2])
    assert not doors.enter(guests[3], "10.0.0.1") and doors.refused == 1
    assert doors.enter(guests[4], "2001:db8::1") and doors.enter(guests[5], "2001:db8::2")
    assert doors.enter(guests[6], "10.0.0.9") and guests[4].left and doors.inside == 4
    for guest in guests:
        doors.leave(guest)
    assert doors.inside == 0


def _upload(sizes: list[int], pause_seconds: float, settings: Settings, declared: int) -> object:
    async def receive() -> dict[str, object]:
        await asyncio.sleep(pause_seconds)
        return {"type": "http.request", "body": bytes(sizes.pop(0)), "more_body": bool(sizes)}

    headers = [(b"content-length", str(declared).encode())]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)

    async def story() -> object:
        try:
            async with read_raw(request, settings) as file:
                return file.size_bytes
        except PixleanError as error:
            return error.code

    return asyncio.run(story())


def test_an_upload_that_trickles_has_stalled() -> None:
    settings = Settings(body_stall_seconds=0.3, body_least_rate=1000, max_file_bytes=10_000)
    assert _upload([1] * 100, 0.05, settings, 100) is ErrorCode.BODY_TIMEOUT
    assert _upload([5000, *[1] * 100], 0.05, settings, 5100) is ErrorCode.BODY_TIMEOUT
    assert _upload([100] * 20, 0.03, settings, 2000) == 2000


def test_bytes_are_held_before_they_are_read() -> None:
    budget = ByteBudget(1000)
    settings = Settings(max_file_bytes=800, budget=budget)
    assert _upload([700], 0, settings, 700) == 700 and budget.held_bytes == 0
    with working_for("noisy"):
        first, second = budget.hold(), budget.hold()
        first.reach(600)
        with pytest.raises(Unavailable):  # its share is three quarters
            second.reach(200)
    with working_for("quiet"):
        assert _upload([100], 0, settings, 100) == 100
        assert _upload([500], 0, settings, 500) is ErrorCode.OVERLOADED
    first.release()
    first.release()
    assert budget.held_bytes == 0


def test_unfinished_uploads_are_refused_when_the_budget_is_spent(serve: Callable[..., Server]) -> None:
    server = serve(BODY_BUDGET_MB="16", MAX_FILE_SIZE_MB="8")
    head = (
        b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 6000000\r\n\r\n"
    )
    held = [connected(server) for _ in range(4)]
    try:
        for stream in held:
            stream.sendall(head)
        time.sleep(0.5)
        last = held[-1].recv(65536)
        assert last.startswith(b"HTTP/1.1 503") and b"retry-after" in last.lower()
        for stream in held:
            stream.close()
        time.sleep(0.5)
        assert post(server, saved(photo(), "JPEG")).status_code == 200
    finally:
        for stream in held:
            stream.close()


def test_the_limit_of_a_resize_names_both_numbers() -> None:
    from pixlean.domain.edits import Edits, Fit, Resize
    from pixlean.domain.errors import LimitExceeded
    from pixlean.domain.recipe import Recipe
    from pixlean.engine.compress import compress

    small = saved(photo().resize((64, 48)), "JPEG")
    for resize in (
        Resize(width_px=10000, height_px=9999, fit=Fit.EXACT),
        Resize(width_px=20000, fit=Fit.SCALE),
        Resize(width_px=1, height_px=20000, fit=Fit.COVER),
    ):
        with pytest.raises(LimitExceeded) as caught:
            compress(small, Recipe(quality=80, edits=Edits(resize=resize)))
        assert caught.value.facts["limit"] == 40_000_000 and caught.value.facts["value"] > 40_000_000  # type: ignore[operator]


def test_who_leaves_amid_pipelined_requests_is_no_failure_of_ours() -> None:
    with tempfile.TemporaryFile() as log:
        server = Server(stderr=log)
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.port)) as sent:
                sent.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
                sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset at close
                time.sleep(0.02)
        assert server.client.get("/health").status_code == 200
        server.stop()
        log.seek(0)
        told = log.read()
        assert b"Traceback" not in told and b"request failed" not in told, told[-2000:]

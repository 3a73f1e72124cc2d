"""Origins that lie, stall, redirect and flood; the origin listens on 127.0.0.2, the only network that is allowed."""

from __future__ import annotations

import asyncio
import ipaddress
import time

import pytest

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.memory import MemoryFile
from pixlean.outbound import guard
from pixlean.outbound.fetch import Fetcher, Settings

PICTURE = b"GIF89a-not-really" * 1000
OK = b"HTTP/1.1 200 OK\r\n"
ANSWERS: dict[str, list[bytes]] = {
    "/ok": [OK, b"Content-Length: %d\r\n\r\n" % len(PICTURE), PICTURE],
    "/chunked": [OK, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
    "/to-ok": [b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"],
    "/to-loopback": [b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"],
    "/to-file": [b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"],
    "/to-user": [b"HTTP/1.1 302 Found\r\nLocation: http://a@127.0.0.2/\r\nContent-Length: 0\r\n\r\n"],
    "/to-nowhere": [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"],
    "/loop": [b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"],
    "/large": [OK, b"Content-Length: 99999999\r\n\r\n"],
    "/endless": [OK, b"\r\n", *[b"x" * 65536] * 64],
    "/chunk-huge": [OK, b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"],
    "/gzip": [OK, b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b"],
    "/negative": [OK, b"Content-Length: -1\r\n\r\n"],
    "/nan": [OK, b"Content-Length: abc\r\n\r\n"],
    "/206": [b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n\r\nx"],
    "/404": [b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret"],
    "/407": [b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"],
    "/short": [OK, b"Content-Length: 1000\r\n\r\nonly this"],
    "/http09": [b"<html>hello</html>"],
    "/headers": [OK, *[b"X-%d: y\r\n" % number for number in range(100_000)], b"\r\n"],
}


async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        if path == "/slow":
            writer.write(OK + b"Content-Length: 1000\r\n\r\n")
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        if path == "/flood":
            while True:
                writer.write(b"HTTP/1.1 103 x\r\n\r\n" * 8000)
                await writer.drain()
        if path == "/early":
            while True:
                writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.001)
        for part in ANSWERS[path]:
            writer.write(part)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def fetch(path: str, **settings: object) -> bytes:
    async def story() -> bytes:
        server = await asyncio.start_server(origin, "127.0.0.2", 0)
        port = server.sockets[0].getsockname()[1]
        rules = guard.Settings(require_https=False, allowed_nets=(ipaddress.ip_network("127.0.0.2/32"),))
        wanted = Settings(**{"guard": rules, "max_bytes": 1 << 20, "timeout_seconds": 3.0, **settings})  # type: ignore[arg-type]
        try:
            with MemoryFile("test") as file:
                async with Fetcher(wanted) as fetcher:
                    size_bytes = await fetcher.fetch(f"http://127.0.0.2:{port}{path}", file)
                    assert size_bytes == file.size_bytes
                    return file.read_all()
        finally:
            server.close()

    return asyncio.run(story())


def test_a_picture_is_fetched_through_redirects() -> None:
    assert fetch("/ok") == fetch("/to-ok") == PICTURE
    assert fetch("/chunked") == b"hello"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/to-loopback", ErrorCode.SOURCE_BLOCKED),
        ("/to-file", ErrorCode.SOURCE_BLOCKED),
        ("/to-user", ErrorCode.SOURCE_BLOCKED),
        ("/large", ErrorCode.BODY_TOO_LARGE),
        ("/endless", ErrorCode.BODY_TOO_LARGE),
        *((path, ErrorCode.SOURCE_FAILED) for path in (
            "/to-nowhere", "/loop", "/chunk-huge", "/gzip", "/negative", "/nan", "/206", "/404", "/407", "/short",
            "/http09", "/headers",
        )),
    ],
)  # fmt: skip
def test_an_origin_that_misbehaves_costs_one_clear_error(path: str, code: ErrorCode) -> None:
    with pytest.raises(PixleanError) as caught:
        fetch(path)
    assert caught.value.code is code
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("path", ["/slow", "/early"])
def test_one_deadline_bounds_everything(path: str) -> None:
    started = time.monotonic()
    with pytest.raises(PixleanError) as caught:
        fetch(path, timeout_seconds=1.0)
    assert caught.value.code is ErrorCode.SOURCE_FAILED and time.monotonic() - started < 3


def test_a_name_that_changes_its_address_is_judged_when_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver says a public address, the connection would go to another one: the socket itself is checked."""
    from aiohttp.abc import ResolveResult

    from pixlean.outbound import session as module

    async def rebound(self: object, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=6, flags=4)]

    monkeypatch.setattr(module._CheckedResolver, "resolve", rebound)

    async def story() -> None:
        async with Fetcher(Settings(guard=guard.Settings(require_https=False))) as fetcher:
            with MemoryFile("test") as file:
                await fetcher.fetch("http://rebind.example/", file)

    with pytest.raises(PixleanError) as caught:
        asyncio.run(story())
    assert caught.value.code is ErrorCode.SOURCE_BLOCKED


@pytest.mark.parametrize("path", ["/flood", "/headers"])
def test_a_head_without_end_is_cut_off_at_once(path: str) -> None:
    """Answers that are none (103 Early Hints), as fast as the wire takes them: they are not all parsed first."""
    started = time.monotonic()
    with pytest.raises(PixleanError) as caught:
        fetch(path, timeout_seconds=20.0)
    assert caught.value.code is ErrorCode.SOURCE_FAILED
    assert time.monotonic() - started < 2


def test_a_status_is_named() -> None:
    with pytest.raises(PixleanError, match="404"):
        fetch("/404")


def test_names_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    import threading

    from pixlean.domain.share import working_for
    from pixlean.outbound.names import HostNames, NameCrowd, NameLate
    from pixlean.outbound.names import Settings as Lookups

    over = threading.Event()
    asked: list[str] = []
    real = socket.getaddrinfo

    def hanging(host: str, *rest: object, **more: object) -> object:
        asked.append(host)
        if "hangs" in host:
            over.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real("127.0.0.2", *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)

    async def story() -> None:
        names = HostNames(Lookups(most=20, share=12, seconds=0.3))

        async def late(host: str) -> None:
            with pytest.raises(NameLate):
                await names.resolve(host)

        with working_for("noisy"):
            await asyncio.gather(*(late(f"hangs-{number % 12}.example") for number in range(40)))
            assert len(asked) == 12  # twins share a lookup
            with pytest.raises(NameCrowd):
                await names.resolve("one-more.example")
        with working_for("quiet"):
            assert (await names.resolve("good.example"))[0][4][0] == "127.0.0.2"

    try:
        asyncio.run(story())
    finally:
        over.set()

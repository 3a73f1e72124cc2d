"""Whole files arrive, byte for byte: every size over TLS and plain, however the origin ends, however slow we read."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import trustme
import uvloop

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.memory import MemoryFile
from pixlean.outbound import guard, webhook
from pixlean.outbound.fetch import Fetcher, Settings

NET = (ipaddress.ip_network("127.0.0.1/32"),)
CONTENT = random.Random(5).randbytes(32 << 20)
FEW = (0, 1, 65_537, 3_500_000)
MANY = (0, 1, 1023, 65_535, 65_536, 65_537, 262_144, 1_000_000, 1_048_577, 3_500_000, 8 << 20, 20_000_001, 32 << 20)
ENDS = ("close", "keep-alive", "chunked", "until-close")


@dataclass(frozen=True)
class Place:
    plain: int
    secure: int
    ca_file: str


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        kind, size = path[1:].split("/")
        body = CONTENT[: int(size)]
        if kind == "chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(body), 100_000):
                part = body[at : at + 100_000]
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            writer.write(b"0\r\n\r\n")
        elif kind == "until-close":
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        elif kind == "cut":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body) + 1, body))
        else:
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body))
            )
            writer.write(body)
        if kind == "keep-alive":
            await writer.drain()
            await reader.read()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An origin with a loop and a thread of its own, as a server elsewhere would be."""
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    begun: list[Place] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        plain = await asyncio.start_server(_answer, "127.0.0.1", 0)
        secure = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
        ports = [server.sockets[0].getsockname()[1] for server in (plain, secure)]
        begun.append(Place(ports[0], ports[1], str(ca_file)))
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield begun[0]
    loop.call_soon_threadsafe(loop.stop)


class _SlowFile(MemoryFile):
    """A file whose every piece takes its time, so that the origin is long done when the reader is not."""

    def append(self, data: bytes) -> None:
        time.sleep(0.002)
        super().append(data)


def _transfer(place: Place, sizes: tuple[int, ...], *, secure: bool, kind: str, slow: bool) -> None:
    async def story() -> None:
        rules = guard.Settings(require_https=False, allowed_nets=NET)
        base = f"https://127.0.0.1:{place.secure}" if secure else f"http://127.0.0.1:{place.plain}"
        async with Fetcher(Settings(guard=rules, max_bytes=64 << 20, ca_file=place.ca_file)) as fetcher:
            for size in sizes:
                with (_SlowFile if slow else MemoryFile)("test") as file:
                    assert await fetcher.fetch(f"{base}/{kind}/{size}", file) == size
                    assert file.read_all() == CONTENT[:size], (size, kind)

    uvloop.run(story())


@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("secure", [True, False])
def test_every_byte_arrives(place: Place, secure: bool, kind: str) -> None:
    for slow in (False, True):
        _transfer(place, FEW, secure=secure, kind=kind, slow=slow)


def test_many_at_a_time_arrive(place: Place) -> None:
    async def story() -> None:
        rules = guard.Settings(allowed_nets=NET)
        async with Fetcher(Settings(guard=rules, ca_file=place.ca_file)) as fetcher:

            async def one() -> None:
                with MemoryFile("test") as file:
                    await fetcher.fetch(f"https://127.0.0.1:{place.secure}/close/3500000", file)
                    assert file.read_all() == CONTENT[:3_500_000]

            await asyncio.gather(*(one() for _ in range(12)))

    uvloop.run(story())


@pytest.mark.slow
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("kind", ENDS)
@pytest.mark.parametrize("secure", [True, False])
def test_every_byte_of_every_size_arrives(place: Place, secure: bool, kind: str, slow: bool) -> None:
    _transfer(place, MANY, secure=secure, kind=kind, slow=slow)


def test_a_webhook_is_answered_by_a_receiver_that_sends_much_and_closes(place: Place) -> None:
    async def story() -> int:
        rules = guard.Settings(allowed_nets=NET)
        async with webhook.WebhookSender(webhook.Settings(guard=rules, ca_file=place.ca_file)) as sender:
            return await sender.send(f"https://127.0.0.1:{place.secure}/close/3500000", b"{}", {})

    assert uvloop.run(story()) == 200


def _message(url: str, **settings: object) -> str:
    async def story() -> None:
        rules = guard.Settings(require_https=False, allowed_nets=NET)
        async with Fetcher(Settings(**{"guard": rules, "timeout_seconds": 3.0, **settings})) as fetcher:  # type: ignore[arg-type]
            with MemoryFile("test") as file:
                await fetcher.fetch(url, file)

    with pytest.raises(PixleanError) as caught:
        uvloop.run(story())
    assert caught.value.code is ErrorCode.SOURCE_FAILED
    return caught.value.message


def test_the_message_names_the_cause(place: Place) -> None:
    assert "TLS" in _message(f"https://127.0.0.1:{place.secure}/close/1")  # an authority that nobody trusts
    assert "cut off" in _message(f"http://127.0.0.1:{place.plain}/cut/100000")
    assert "cut off" in _message(f"https://127.0.0.1:{place.secure}/cut/3000000", ca_file=place.ca_file)
    assert "DNS" in _message("http://nobody.invalid/")
    assert "connected" in _message("http://127.0.0.1:9999/")

"""Bodies in this process: whatever comes, no file stays open."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from pictures import photo, saved
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.body import read_any, read_form, read_raw
from pixlean.web.settings import Settings
from serving import Server

SETTINGS = Settings(max_file_bytes=1000)
Read = Callable[[Request], AbstractAsyncContextManager[Any]]


def form(request: Request) -> AbstractAsyncContextManager[Any]:
    return read_form(request, SETTINGS)


def anything(request: Request) -> AbstractAsyncContextManager[Any]:
    return read_any(request, SETTINGS, 1000)


def raw(request: Request) -> AbstractAsyncContextManager[Any]:
    return read_raw(request, SETTINGS)


def part(name: str, content: bytes, file_name: str | None = "a.png") -> bytes:
    shown = f'; filename="{file_name}"' if file_name else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode() + content + b"\r\n"


def sent(body: bytes, kind: str = "multipart/form-data; boundary=x", *, breaks_off: bool = False) -> Request:
    """A request whose body comes in pieces of 100 bytes."""
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if breaks_off else {"type": "http.request", "body": b""})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    headers = [(b"content-type", kind.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def open_files(process: int | str = "self") -> list[str]:
    """The memory files that a process has open, by name."""
    names = []
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # one that is listed and gone is the listing itself
            names.append(os.readlink(link))
    return sorted(name for name in names if "memfd" in name)


def outcome(read: Read, request: Request, inside: Callable[[Any], None] = lambda _: None) -> object:
    """What the block saw, or the code of what was raised."""

    async def story() -> object:
        try:
            async with read(request) as body:
                inside(body)
                return body
        except PixleanError as error:
            return error.code

    return asyncio.run(story())


END = b"--x--\r\n"
FILE = part("file", b"0123456789" * 30)


@pytest.mark.parametrize(
    ("read", "request_of", "code"),
    [
        (form, lambda: sent(FILE + b"no boundary"), ErrorCode.MALFORMED_BODY),
        (form, lambda: sent(FILE, breaks_off=True), ErrorCode.MALFORMED_BODY),
        (form, lambda: sent(FILE + part("file", b"again") + END), ErrorCode.INVALID_REQUEST),
        (form, lambda: sent(FILE + part("other", b"x") + END), ErrorCode.MISSING_FILE),
        (form, lambda: sent(FILE + part("text", b"\xff", None) + END), ErrorCode.INVALID_REQUEST),
        (form, lambda: sent(part("file", b"x" * 1001) + END), ErrorCode.BODY_TOO_LARGE),
        (anything, lambda: sent(part("file", b"x" * 1001) + END), ErrorCode.BODY_TOO_LARGE),
        (anything, lambda: sent(FILE, "text/plain"), ErrorCode.WRONG_MEDIA_TYPE),
        (raw, lambda: sent(b"x" * 1001), ErrorCode.BODY_TOO_LARGE),
        (raw, lambda: sent(b"x" * 500, breaks_off=True), ErrorCode.MALFORMED_BODY),
    ],
)
def test_a_body_that_is_refused_leaves_nothing_open(
    read: Read, request_of: Callable[[], Request], code: ErrorCode
) -> None:
    before = open_files()
    assert outcome(read, request_of()) is code
    assert open_files() == before


@pytest.mark.parametrize("read", [form, anything])
def test_a_form_is_open_in_its_block_and_closed_after_it(read: Read) -> None:
    before = open_files()
    seen: list[bytes] = []

    def inside(body: Any) -> None:
        assert len(open_files()) == len(before) + 1
        assert (body.fields, body.file_name) == ({"a": "b"}, "a.png")
        seen.append(body.file.read_all())

    outcome(read, sent(FILE + part("a", b"b", None) + END), inside)
    assert seen == [b"0123456789" * 30] and open_files() == before


def test_a_raw_body_is_the_file() -> None:
    before = open_files()
    seen: list[bytes] = []
    outcome(raw, sent(b"x" * 250, "image/png"), lambda body: seen.append(body.read_all()))
    outcome(raw, sent(b"", "image/png"), lambda body: seen.append(body.read_all()))
    assert seen == [b"x" * 250, b""] and open_files() == before


@pytest.mark.parametrize("read", [form, raw])
def test_a_caller_that_fails_or_is_cancelled_leaves_nothing_open(read: Read) -> None:
    before = open_files()
    for fault in (PixleanError("no"), asyncio.CancelledError(), ZeroDivisionError()):

        def inside(_: Any, fault: BaseException = fault) -> None:
            raise fault

        with contextlib.suppress(asyncio.CancelledError, ZeroDivisionError):
            outcome(read, sent(FILE + END), inside)
        assert open_files() == before


@pytest.mark.parametrize(
    ("path", "field", "data", "status"),
    [
        ("/optimize", "file", {}, 200),
        ("/estimate", "file", {}, 200),
        ("/v1/compress", "file", {}, 200),
        ("/api/compress", "file", {}, 200),
        ("/api/v1/compress", "file", {}, 200),
        ("/api/tasks/visual/imgcompress", "image_file", {"sync": "1"}, 200),
        ("/optimize", "file", {"url": "https://x.example/"}, 400),
        ("/v1/convert", "file", {}, 400),
        ("/api/convert", "file", {}, 400),
        ("/api/v1/compress", "file", {"quality": "much"}, 400),
        ("/api/tasks/visual/imgcompress", "image_file", {"quality": "much"}, 400),
    ],
)
def test_no_endpoint_leaves_a_file_open(
    server: Server, path: str, field: str, data: dict[str, str], status: int
) -> None:
    picture = saved(photo(), "JPEG", quality=95)
    answer = server.client.post(path, files={field: ("a.jpg", picture, "image/jpeg")}, data=data)
    assert answer.status_code == status, answer.text
    assert open_files(server.process.pid) == []


def test_shrinking_leaves_no_file_open(server: Server) -> None:
    picture = saved(photo(), "JPEG", quality=95)
    shrunk = server.client.post("/shrink", content=picture)
    assert shrunk.status_code == 201
    variant = {"resize": {"method": "scale", "width": 50}}
    assert server.client.post(shrunk.headers["location"], json=variant).status_code == 200
    assert server.client.post("/shrink", content=b"").status_code == 400
    assert server.client.post(shrunk.headers["location"], content=b"{").status_code == 400
    assert open_files(server.process.pid) == []

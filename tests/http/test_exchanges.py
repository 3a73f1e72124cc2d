"""What each API promises, as data: one file an exchange, with the place that it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from pictures import every_format, photo, saved
from pixlean.wiring.dialects import dialects
from pixlean.wiring.environment import load
from serving import Server

FOLDER = Path(__file__).parent.parent / "exchanges"
FILES = sorted(FOLDER.glob("*/*.json"))


@pytest.fixture(scope="module")
def keyed() -> Iterator[tuple[Server, str]]:
    running = Server(COMPRESSORIZE_FREE_RPM="1000", RATE_LIMIT_PER_MINUTE="1000")
    yield running, running.new_key()
    running.stop()


@lru_cache(maxsize=1)
def inputs() -> dict[str, bytes]:
    jpeg = saved(photo(), "JPEG", quality=95)
    return {
        "": b"",
        "photo.jpg": jpeg,
        "photo.tiff": every_format()["tiff"],
        "broken.jpg": jpeg[:200],
        "text": b"this is no picture",
        "moving.gif": every_format()["gif"],
        # What follows the end of a JPEG is not read: large files that are quickly made, and one that is cut inside.
        "2MB.jpg": jpeg + b"\0" * (2 << 20),
        "2MB broken.jpg": jpeg[:200] + b"\0" * (2 << 20),
        "25MB+1": jpeg + b"\0" * (25 * 1024 * 1024 + 1 - len(jpeg)),
        "20MB+1": jpeg + b"\0" * (20 * 1024 * 1024 + 1 - len(jpeg)),
    }


def send(server: Server, key: str, asked: dict[str, Any]) -> httpx.Response:
    headers = dict(asked.get("headers", {}))
    if str(asked.get("key")).endswith("x-api-key"):
        headers["X-API-KEY"] = key if asked["key"] == "x-api-key" else "px_live_wrong"
    shown = {"bearer": key, "basic": key, "wrong": "px_live_wrong"}.get(asked.get("key"))
    basic = asked["path"].startswith(("/shrink", "/output"))
    auth = httpx.BasicAuth("api", shown) if shown and basic else None
    if shown and not basic:
        headers["Authorization"] = f"Bearer {shown}"
    more: dict[str, Any] = {}
    if "raw" in asked:
        more["content"] = inputs()[asked["raw"]]
    elif "body" in asked:
        more["content"] = asked["body"]
    elif "fields" in asked:
        # A form without a file is multipart as well.
        field = asked.get("file_field", "file")
        more["files"] = {field: ("photo", inputs()[asked["file"]])} if asked.get("file") else {"x": (None, "y")}
        more["data"] = asked["fields"]
    return server.client.request(asked["method"], asked["path"], headers=headers, auth=auth, **more)


def assert_like(found: Any, wanted: Any, place: str) -> None:
    """Objects have these members at least; every other value matches its pattern as JSON writes it."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict) and set(found) >= set(wanted), (place, found)
        for name, value in wanted.items():
            assert_like(found[name], value, f"{place}.{name}")
    else:
        text = found if isinstance(found, str) else json.dumps(found)
        assert re.fullmatch(wanted, text), (place, found)


def test_there_are_exchanges() -> None:
    assert {file.parent.name for file in FILES} == {dialect.name for dialect in dialects(load({}).environment)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_exchange(keyed: tuple[Server, str], file: Path) -> None:
    exchange = json.loads(file.read_text())
    assert exchange["seed"]
    answer = send(*keyed, exchange["request"])
    wanted = exchange["response"]
    assert answer.status_code == wanted["status"], answer.text[:300]
    for name, pattern in wanted.get("headers", {}).items():
        assert re.fullmatch(pattern, answer.headers[name]), (name, answer.headers[name])
    if "json" in wanted:
        assert_like(answer.json(), wanted["json"], "body")

"""The store of what outlives a request: a folder, and S3 by an emulator over HTTP; each keeps every promise.

Google's emulators do not speak the XML interface that the client reads and lists by: ``gs://`` is not covered here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.storage.blobs import Blobs, Settings


@contextlib.contextmanager
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    httpx.put(f"http://{host}:{port}/own").raise_for_status()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(params=["folder", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    if request.param == "folder":
        yield Settings(folder=tmp_path / "objects")
    else:
        for name, value in (("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "s"), ("REGION", "us-east-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        with s3() as url:
            yield Settings(folder=tmp_path, url=f"s3://own/{tmp_path.name}", s3_endpoint=url)


def tell(settings: Settings, story: Callable[[Blobs], Awaitable[None]]) -> None:
    asyncio.run(story(Blobs(settings)))


def test_what_was_put_is_there_until_it_is_deleted(settings: Settings) -> None:
    async def story(blobs: Blobs) -> None:
        assert await blobs.get("jobs/a/input") is None
        for data in (b"first", b"", b"x" * 3_000_000):
            await blobs.put("jobs/a/input", data)
            found = await blobs.get("jobs/a/input")
            assert found is not None and found.data == data
            assert abs(found.written_at - datetime.now(UTC)) < timedelta(minutes=1)
        await blobs.delete("jobs/a/input", "jobs/a/nothing")
        assert await blobs.get("jobs/a/input") is None

    tell(settings, story)


def test_keys_are_listed_by_prefix_and_age(settings: Settings) -> None:
    async def story(blobs: Blobs) -> None:
        for key in ("jobs/a/input", "jobs/a/result-1", "jobs/b/input", "outputs/x/y/source"):
            await blobs.put(key, b"x")
        assert sorted(await blobs.below("jobs/a")) == ["jobs/a/input", "jobs/a/result-1"]
        later, before = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
        assert len(await blobs.older_than("jobs", later)) == 3 and await blobs.older_than("jobs", before) == ()

    tell(settings, story)


def test_keys_that_lead_elsewhere_are_no_keys(settings: Settings) -> None:
    async def story(blobs: Blobs) -> None:
        for key in ("../x", "jobs/../x", "jobs/a/..", "/etc/passwd", "jobs//x", "jobs", "jobs/a b"):
            with pytest.raises(ValueError, match="no key"):
                await blobs.put(key, b"x")

    tell(settings, story)


def test_a_store_that_is_away_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    gone = Settings(folder=tmp_path, url="s3://own/p", s3_endpoint="http://127.0.0.1:9", timeout_seconds=3)

    async def story(blobs: Blobs) -> None:
        for work in (blobs.put("a/b", b"x"), blobs.get("a/b"), blobs.delete("a/b"), blobs.below("a")):
            with pytest.raises(Unavailable) as caught:
                await work
            assert caught.value.code is ErrorCode.STORE_LOST

    tell(gone, story)


def test_a_quota_refuses_and_the_oldest_results_go_first(tmp_path: Path) -> None:
    from pixlean.domain.errors import Unavailable

    async def story() -> None:
        blobs = Blobs(Settings(folder=tmp_path, most_bytes=1000))
        for number in range(9):
            await blobs.put(f"outputs/a/{number}", bytes(100), lasting=number % 2 == 0)
        await blobs.put("jobs/a/input", bytes(90))
        with pytest.raises(Unavailable):
            await blobs.put("outputs/a/9", bytes(100))
        stored = await blobs.measure(("outputs", "jobs"))
        assert sum(each.size_bytes for each in stored) == 990 and blobs.excess_bytes == 90
        assert [each.written_at for each in stored] == sorted(each.written_at for each in stored)
        await blobs.delete(stored[0].key)
        await blobs.measure(("outputs", "jobs"))
        await blobs.put("outputs/a/9", bytes(100))

    asyncio.run(story())

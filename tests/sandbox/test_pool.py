"""Children that hang, crash, eat memory or lie cost one request and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pictures import photo, saved
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.sandbox import wire
from pixlean.sandbox.pool import Pool, Settings, Work


def given(order: str = "") -> int:
    data = saved(photo(), "JPEG", quality=95) + (f"#{order}".encode() if order else b"")
    file = wire.memory_file("test")
    wire.write_all(file, data)
    return file


def with_pool(story: Callable[[Pool], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    async def run() -> None:
        pool = Pool(Settings(**{"slots": 1, "module": "rogue", **settings}))  # type: ignore[arg-type]
        await pool.start()
        try:
            await story(pool)
        finally:
            await pool.stop()

    asyncio.run(run())


async def ask(pool: Pool, order: str = "") -> Work:
    file = given(order)
    try:
        return await pool.compress(file, Recipe(quality=60), Limits())
    finally:
        os.close(file)


async def code_of(pool: Pool, order: str) -> ErrorCode:
    with pytest.raises(PixleanError) as caught:
        await ask(pool, order)
    return caught.value.code


def test_a_child_that_crashes_exits_or_lies_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        for order in ("crash", "exit", "garbage", "lie"):
            assert await code_of(pool, order) is ErrorCode.CHILD_DIED, order
            assert (await ask(pool)).method == "jpegli"

    with_pool(story, monkeypatch)


def test_a_child_that_hangs_is_ended_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        for order in ("hang", "spin"):
            started = time.monotonic()
            assert await code_of(pool, order) is ErrorCode.TIMEOUT
            assert time.monotonic() - started < 6
            assert (await ask(pool)).method == "jpegli"

    with_pool(story, monkeypatch, timeout_seconds=1.0)


def test_a_child_that_eats_memory_gets_an_answer_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        assert await code_of(pool, "eat") is ErrorCode.IMAGE_TOO_LARGE

    with_pool(story, monkeypatch, memory_bytes=512 << 20)


def test_bytes_that_killed_two_children_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        assert [await code_of(pool, "crash") for _ in range(3)] == [
            ErrorCode.CHILD_DIED,
            ErrorCode.CHILD_DIED,
            ErrorCode.POISONED_INPUT,
        ]

    with_pool(story, monkeypatch)


@pytest.mark.parametrize("order", ["network", "file", "write", "program"])
def test_a_child_reaches_no_network_no_file_and_no_program(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        if not all(pool.layers.values()):
            pytest.skip("this kernel lacks Landlock or seccomp")
        assert await code_of(pool, order) is ErrorCode.ENGINE_FAILED

    with_pool(story, monkeypatch)
    assert not Path("/tmp/pixlean-escape").exists()


def test_a_cancelled_request_ends_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        task = asyncio.ensure_future(ask(pool, "spin"))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await ask(pool)).method == "jpegli"

    with_pool(story, monkeypatch)


def test_a_killed_zygote_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        assert pool._zygote is not None
        pool._zygote.kill()
        await pool._zygote.wait()
        answers = []
        for _ in range(4):
            try:
                answers.append((await ask(pool)).method)
            except (PixleanError, TimeoutError, OSError):
                await asyncio.sleep(0.5)
        assert "jpegli" in answers

    with_pool(story, monkeypatch)


def test_the_real_child_answers_like_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import pixlean

    async def story(pool: Pool) -> None:
        expected = pixlean.compress(saved(photo(), "JPEG", quality=95), quality=60)
        assert (await ask(pool)).data == expected.data

    with_pool(story, monkeypatch, module="pixlean.sandbox.child")

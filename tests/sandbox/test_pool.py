"""Children that hang, crash, eat memory or lie cost one request and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace

import pytest

from pictures import photo, saved
from pixlean.domain.errors import ErrorCode
from pixlean.sandbox.pool import Pool
from pools import ask, code_of, with_pool, zygote_of


def test_a_child_that_crashes_exits_or_lies_costs_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        for order in ("crash", "exit", "garbage", "lie", "header", "stale"):
            assert await code_of(pool, order) is ErrorCode.CHILD_DIED, order
            assert (await ask(pool)).method == "jpegli-trellis"

    with_pool(story, monkeypatch)


def test_a_child_that_hangs_is_ended_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        for order in ("hang", "spin"):
            started = time.monotonic()
            assert await code_of(pool, order) is ErrorCode.TIMEOUT
            assert time.monotonic() - started < 6
            assert (await ask(pool)).method == "jpegli-trellis"

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


def test_a_cancelled_request_ends_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        task = asyncio.ensure_future(ask(pool, "spin"))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await ask(pool)).method == "jpegli-trellis"

    with_pool(story, monkeypatch)


def test_a_killed_zygote_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        os.kill(zygote_of(pool), signal.SIGKILL)
        for _ in range(3):
            assert (await ask(pool)).method == "jpegli-trellis"

    with_pool(story, monkeypatch)


def test_the_real_child_answers_like_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import pixlean

    async def story(pool: Pool) -> None:
        expected = pixlean.compress(saved(photo(), "JPEG", quality=95), quality=60)
        outcome = await ask(pool)
        assert outcome.data == expected.data
        assert replace(outcome.report, seconds={}) == replace(expected.report, seconds={})
        assert {"probe", *expected.report.seconds} == outcome.report.seconds.keys()

    with_pool(story, monkeypatch, module="pixlean.sandbox.child")

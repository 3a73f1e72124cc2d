"""Zygotes that stop, children that are killed, stale answers: who is blamed, and what is tried again."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from pixlean.domain.errors import ErrorCode, Unavailable
from pixlean.domain.recipe import Recipe
from pixlean.sandbox import zygote
from pixlean.sandbox.pool import Pool
from pools import ask, code_of, error_of, until, with_pool, zygote_of


def test_a_zygote_that_stopped_is_thrown_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "_FORK_SECONDS", 1.0)

    async def story(pool: Pool) -> None:
        stopped = zygote_of(pool)
        os.kill(stopped, signal.SIGSTOP)
        for _ in range(4):  # each uses a child up
            assert await code_of(pool, "words") is ErrorCode.BAD_IMAGE
        assert (await ask(pool)).method == "jpegli-trellis"
        assert zygote_of(pool) != stopped
        with pytest.raises(ProcessLookupError):
            os.kill(stopped, 0)

    with_pool(story, monkeypatch)


def test_children_that_are_killed_while_they_wait_are_replaced_and_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        await until(lambda: pool.waiting == 3)
        before = {child.pid for child in pool._alive}
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert (await ask(pool)).method == "jpegli-trellis"
        await until(lambda: pool.waiting == 3 and pool.is_ready)
        assert not before & {child.pid for child in pool._alive}
        assert pool.died == pool.retried

    with_pool(story, monkeypatch, slots=2)


def test_a_fork_that_fails_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        first = zygote_of(pool)
        for _ in range(5):
            assert await code_of(pool, "words") is ErrorCode.BAD_IMAGE
        assert (await ask(pool)).method == "jpegli-trellis"
        assert zygote_of(pool) == first

    with_pool(story, monkeypatch, module="rogue_forks")


def test_a_picture_whose_child_is_killed_is_tried_again_and_never_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What always ends like that is refused with a time to come again, however often it comes."""

    async def story(pool: Pool) -> None:
        for count in range(1, 5):
            error = await error_of(pool, "killed")
            assert isinstance(error, Unavailable) and error.code is ErrorCode.OVERLOADED
            assert int(str(error.facts["retry_after"])) >= 1
            assert pool.died == 2 * count and pool.retried == count

    with_pool(story, monkeypatch)


def test_a_picture_outlives_the_death_of_its_child(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        task = asyncio.ensure_future(ask(pool, "spin"))
        for _ in range(2):
            await until(lambda: any(child not in pool._row._children for child in pool._alive))
            await asyncio.sleep(0.2)
            busy = next(child for child in pool._alive if child not in pool._row._children)
            os.kill(busy.pid, signal.SIGKILL)
            await until(lambda busy=busy: busy not in pool._alive)  # type: ignore[misc]
        with pytest.raises(Unavailable):
            await task
        assert pool.retried == 1

    with_pool(story, monkeypatch)


def test_what_one_tenant_sends_is_refused_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deaths of the same tenant's same bytes with the same recipe, not of any two of these."""

    async def story(pool: Pool) -> None:
        codes = [(await error_of(pool, "crash", tenant="a")).code for _ in range(3)]
        assert codes == [ErrorCode.CHILD_DIED, ErrorCode.CHILD_DIED, ErrorCode.POISONED_INPUT]
        assert (await error_of(pool, "crash", tenant="b")).code is ErrorCode.CHILD_DIED
        other = Recipe(quality=61)
        assert (await error_of(pool, "crash", tenant="a", recipe=other)).code is ErrorCode.CHILD_DIED

    with_pool(story, monkeypatch)


def test_a_child_sees_the_pictures_of_one_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        seen: dict[int, set[str | None]] = {}
        for tenant in "abcaabbccdabcd":
            assert (await ask(pool, tenant=tenant)).method == "jpegli-trellis"
            for child in pool._row._children:
                seen.setdefault(child.pid, set()).add(child.tenant)
        assert len(seen) > 3
        assert all(len(tenants - {None}) <= 1 for tenants in seen.values())

    with_pool(story, monkeypatch)


def test_children_are_shared_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        await until(lambda: pool.waiting == 2)
        before = {child.pid for child in pool._alive}
        for tenant in "abcdef":
            await ask(pool, tenant=tenant)
        assert {child.pid for child in pool._alive} == before

    with_pool(story, monkeypatch, shared=True)


def test_a_child_that_speaks_out_of_turn_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        assert await code_of(pool, "early") is ErrorCode.CHILD_DIED
        assert (await ask(pool)).method == "jpegli-trellis"

    with_pool(story, monkeypatch)


def test_what_a_child_says_is_fit_to_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        error = await error_of(pool, "words")
        assert error.message == "not [2J a picture  "
        assert error.facts == {"width": 3}

    with_pool(story, monkeypatch)


async def settled_descriptors() -> int:
    """How many are open once a child that has just left has given back its own: the same number three times."""
    seen: list[int] = []
    while len(seen) < 3 or len(set(seen[-3:])) > 1:
        seen.append(len(os.listdir("/proc/self/fd")))
        await asyncio.sleep(0.2)
    return seen[-1]


def test_descriptors_that_a_child_sends_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        for _ in range(3):
            await error_of(pool, "descriptor")
        await until(lambda: pool.waiting == 2)
        before = await settled_descriptors()
        for _ in range(5):
            assert await code_of(pool, "descriptor") is ErrorCode.BAD_IMAGE
        await until(lambda: pool.waiting == 2)
        assert await settled_descriptors() == before

    with_pool(story, monkeypatch)


def test_a_pool_without_a_living_child_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        assert pool.is_ready
        os.kill(zygote_of(pool), signal.SIGKILL)
        await until(lambda: not pool.is_ready)
        await until(lambda: pool.is_ready)

    with_pool(story, monkeypatch)


def test_a_pool_that_stops_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []

    async def story(pool: Pool) -> None:
        await until(lambda: pool.waiting == 2)
        pids.extend([zygote_of(pool), *(child.pid for child in pool._alive)])

    with_pool(story, monkeypatch)
    end = time.monotonic() + 5
    while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in pids):
        time.sleep(0.02)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_a_stopped_child_is_missed_long_before_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it waited or worked: its picture goes to another child at once."""

    async def story(pool: Pool) -> None:
        await until(lambda: pool.waiting == 2)
        began = time.monotonic()
        for child in list(pool._alive):
            os.kill(child.pid, signal.SIGSTOP)
        assert (await ask(pool)).method == "jpegli-trellis"
        assert pool.retried and time.monotonic() - began < 8
        began = time.monotonic()
        assert isinstance(await error_of(pool, "stopped"), Unavailable)
        assert time.monotonic() - began < 8

    with_pool(story, monkeypatch, timeout_seconds=30.0)

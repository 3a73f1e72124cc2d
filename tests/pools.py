"""Pools of rogue children for the tests."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pictures import photo, saved
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome
from pixlean.sandbox.pool import Pool
from pixlean.sandbox.settings import Settings


def picture(order: str = "") -> bytes:
    return saved(photo(), "JPEG", quality=95) + (f"#{order}".encode() if order else b"")


def with_pool(story: Callable[[Pool], Awaitable[None]], monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    places = [str(Path(__file__).parent / "sandbox"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))

    async def run() -> None:
        pool = Pool(Settings(**{"slots": 1, "module": "rogue", **settings}))  # type: ignore[arg-type]
        await pool.start()
        try:
            await story(pool)
        finally:
            await pool.stop()

    asyncio.run(run())


async def ask(pool: Pool, order: str = "", *, recipe: Recipe | None = None, tenant: str = "") -> Outcome:
    with MemoryFile("test") as file:
        file.write_all(picture(order))
        return await pool.compress(file, recipe or Recipe(quality=60), Limits(), tenant=tenant)


async def error_of(pool: Pool, order: str, *, recipe: Recipe | None = None, tenant: str = "") -> PixleanError:
    with pytest.raises(PixleanError) as caught:
        await ask(pool, order, recipe=recipe, tenant=tenant)
    return caught.value


async def code_of(pool: Pool, order: str) -> ErrorCode:
    return (await error_of(pool, order)).code


def zygote_of(pool: Pool) -> int:
    assert pool._zygote is not None and pool._zygote._process is not None
    return pool._zygote._process.pid


async def until(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not reached():
            await asyncio.sleep(0.02)

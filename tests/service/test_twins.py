"""Twins: the same picture at the same time. One child works; each keeps its own place, time and tenant."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError, Unavailable
from pixlean.domain.formats import Format
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome, Report
from pixlean.domain.share import of_key, working_for
from pixlean.domain.turns import Turns
from pixlean.outbound.fetch import Fetcher, Settings
from pixlean.service.compress import Compress, Terms
from pixlean.service.gate import Gate
from pixlean.service.gate import Settings as GateSettings
from pixlean.service.inputs import Upload
from pixlean.service.workshop import Workshop
from pixlean.storage.cache import ResultCache

REPORT = Report(
    format=Format.PNG, source_format=Format.PNG, source_bytes=2, size_bytes=1, width_px=1, height_px=1, source_px=(1, 1),
    method="test",
)  # fmt: skip


class _Pool:
    """Takes its time; work that is allowed less than it takes fails for time."""

    def __init__(self) -> None:
        self.begun = 0

    async def compress(
        self, file: Any, recipe: Any, limits: Any, *, seconds: float | None = None, tenant: str = ""
    ) -> Outcome:
        self.begun += 1
        await asyncio.sleep(min(seconds or 9.0, 0.2))
        if (seconds or 9.0) < 0.2:
            raise EngineFailed("too long", code=ErrorCode.TIMEOUT)
        return Outcome(data=b"x", report=REPORT)


def _house(folder: Path, depth: int = 10) -> tuple[Compress, _Pool]:
    pool = _Pool()
    workshop = Workshop(
        pool=pool, gate=Gate(GateSettings(slots=1, depth=depth)), fetcher=Fetcher(Settings()), limits=Limits(),
        slots=Turns(1),
    )  # type: ignore[arg-type]  # fmt: skip
    return Compress(workshop, ResultCache(folder, 1 << 20)), pool


async def _ask(compress: Compress, terms: Terms | None = None, key: str = "") -> object:
    with working_for(of_key(key) if key else "address:1"), MemoryFile("test") as file:
        file.write_all(b"picture")
        try:
            return (await compress(Upload(file), Recipe(quality=80), terms)).from_cache
        except PixleanError as error:
            return error.code


def test_twins_share_a_child_and_each_takes_a_place(tmp_path: Path) -> None:
    async def story() -> None:
        compress, pool = _house(tmp_path, depth=2)
        ends = await asyncio.gather(*(_ask(compress) for _ in range(6)))
        assert pool.begun == 1 and ends.count(False) == 1 and ends.count(True) == 2
        assert ends.count(ErrorCode.OVERLOADED) == 3

    asyncio.run(story())


def test_a_twin_with_more_time_does_not_inherit_less(tmp_path: Path) -> None:
    async def story() -> None:
        compress, _ = _house(tmp_path)
        short = asyncio.create_task(_ask(compress, Terms(seconds=0.1)))
        await asyncio.sleep(0.02)
        longer, as_short = await asyncio.gather(_ask(compress), _ask(compress, Terms(seconds=0.05)))
        assert await short is ErrorCode.TIMEOUT and longer is False
        assert as_short is ErrorCode.TIMEOUT

    asyncio.run(story())


def test_no_key_learns_what_another_one_sent(tmp_path: Path) -> None:
    async def story() -> None:
        compress, _ = _house(tmp_path)
        assert [await _ask(compress, key=key) for key in ("a", "a", "b", "")] == [False, True, False, False]

    asyncio.run(story())


def test_a_twin_whose_queue_was_full_decides_for_nobody_else(tmp_path: Path) -> None:
    async def story() -> None:
        compress, pool = _house(tmp_path)
        real, refused = pool.compress, []

        async def full_once(*words: Any, **more: Any) -> Outcome:
            if not refused:
                refused.append(True)
                await asyncio.sleep(0.05)
                raise Unavailable("full")
            return await real(*words, **more)

        pool.compress = full_once  # type: ignore[method-assign]
        assert sorted(map(str, await asyncio.gather(_ask(compress), _ask(compress)))) == ["False", "overloaded"]

    asyncio.run(story())


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_large_pictures_are_known_again_too(tmp_path: Path, size: int) -> None:
    async def story() -> None:
        compress, _ = _house(tmp_path)
        with MemoryFile("test") as file:
            file.write_all(bytes(size))
            made = [(await compress(Upload(file), Recipe(quality=80))).from_cache for _ in range(2)]
            assert made == [False, True]

    asyncio.run(story())

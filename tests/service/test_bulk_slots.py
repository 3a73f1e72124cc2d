"""A batch encodes as many pictures at a time as it was told, however many it has read ahead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pixlean
from pictures import graphic, saved
from pixlean.domain.bulk import Line, Picking
from pixlean.domain.recipe import Recipe
from pixlean.sandbox.pool import Pool
from pixlean.service.bulk import Bulk, left, run
from pixlean.storage.depot import Depot


class CountingPool:
    """Compresses in this process, slowly, and remembers how many did at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def compress(self, *_order: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.05)
        self.now -= 1
        return pixlean.compress(saved(graphic(), "PNG"))


def test_no_more_are_encoded_at_a_time_than_there_are_slots(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    for number in range(9):
        (tmp_path / "from" / f"{number}.png").write_bytes(saved(graphic(), "PNG"))
    pool, lines = CountingPool(), list[Line]()
    bulk = Bulk(
        source=Depot(str(tmp_path / "from")), target=Depot(str(tmp_path / "to")), picking=Picking(), recipe=Recipe(),
        run="run", slots=2,
    )  # fmt: skip
    asyncio.run(run(bulk, cast("Pool", pool), left(bulk, {}), lines.append))
    assert len(lines) == 9 and not any(line.error for line in lines)
    assert pool.most == 2

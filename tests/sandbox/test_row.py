"""Who gets which waiting child."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pixlean.sandbox.children import Child
from pixlean.sandbox.row import Row


class Rows:
    """A row of children without processes."""

    def __init__(self) -> None:
        self.discarded: list[int] = []
        self.coming = 0
        self.row = Row(lambda child: self.discarded.append(child.pid), lambda: self.coming)

    def put(self, pid: int, tenant: str | None = None) -> None:
        death = asyncio.get_running_loop().create_future()
        self.row.put(Child(pid=pid, handle=-1, channel=socket.socket(), death=death, tenant=tenant))


def test_a_tenant_gets_its_own_child_before_a_fresh_one() -> None:
    async def run() -> None:
        rows = Rows()
        for pid, tenant in ((1, None), (2, "a"), (3, "b"), (4, None)):
            rows.put(pid, tenant)
        assert [(await rows.row.take("b", 1)).pid for _ in range(3)] == [3, 1, 4]
        assert len(rows.row) == 1 and not rows.discarded

    asyncio.run(run())


def test_who_waits_gets_a_fresh_child_in_place_of_another_tenants() -> None:
    async def run() -> None:
        rows = Rows()
        rows.put(1, "a")
        waiting = asyncio.ensure_future(rows.row.take("b", 5))
        await asyncio.sleep(0)
        assert rows.discarded == [1]
        rows.coming = 1
        rows.put(2, "a")
        assert rows.discarded == [1]  # one is on its way already
        rows.put(3)
        child = await waiting
        assert (child.pid, child.tenant) == (3, "b")

    asyncio.run(run())


def test_who_gives_up_takes_no_child_with_it() -> None:
    async def run() -> None:
        rows = Rows()
        with pytest.raises(TimeoutError):
            await rows.row.take("a", 0.01)
        waiting = asyncio.ensure_future(rows.row.take("a", 5))
        await asyncio.sleep(0)
        rows.put(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(rows.row) == 1 and (await rows.row.take("a", 1)).pid == 1

    asyncio.run(run())

"""The faults, one function each: what is done to a server while the good client works."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.faults.client import Record, ask, session_of, watching
from benchmarks.faults.processes import descendants, encoders, harm, zygotes
from benchmarks.serving import Server


@dataclass
class World:
    """A server, and what the case may know. ``short`` asks for a tenth of the harm."""

    server: Server
    short: bool
    random: random.Random
    record: Record
    told: dict[str, float | str] = field(default_factory=dict)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.server.process.pid

    def times(self, full: int) -> int:
        """How often harm is done."""
        return max(3, full // 10) if self.short else full


Harm = Callable[[World], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fault, with the settings of its server and what good clients may see while it lasts.

    ``refuses`` allows 503 with ``Retry-After``, ``cuts`` connections without an answer; ``restarts`` says that the
    server is another process afterwards. ``per_second`` is the good client's rate.
    """

    harm: Harm
    settings: Mapping[str, str] = field(default_factory=dict)
    refuses: bool = True
    cuts: bool = False
    restarts: bool = False
    per_second: float = 6.0


async def nothing(world: World) -> None:
    """The same time without harm."""
    await asyncio.sleep(3 if world.short else 20)


async def kill_idle_children(world: World) -> None:
    """SIGKILL to encoding processes, whether they wait or work."""
    for _ in range(world.times(50)):
        alive = encoders(world.pid)
        if alive:
            harm(world.random.choice(alive), signal.SIGKILL)
        await asyncio.sleep(0.3)


async def stop_children(world: World) -> None:
    """SIGSTOP to encoding processes: they neither answer nor end."""
    for _ in range(world.times(20)):
        alive = encoders(world.pid)
        if alive:
            harm(world.random.choice(alive), signal.SIGSTOP)
        await asyncio.sleep(1.0)


async def kill_zygotes(world: World) -> None:
    """SIGKILL to what encoding processes are forked from; they die with it."""
    for _ in range(world.times(20)):
        for pid in zygotes(world.pid):
            harm(pid, signal.SIGKILL)
        await asyncio.sleep(1.5)


async def stop_zygotes(world: World) -> None:
    """SIGSTOP to it: nothing new is forked until the server gives it up."""
    for _ in range(world.times(10)):
        for pid in zygotes(world.pid):
            harm(pid, signal.SIGSTOP)
        await asyncio.sleep(4.0)


async def kill_server(world: World) -> None:
    """SIGKILL to the server, which is started again on its data; its children, 0.2 s later, are counted over all kills."""
    left_behind = 0
    for _ in range(world.times(10)):
        orphans = descendants(world.pid)
        world.server.kill()
        await asyncio.sleep(0.2)
        left = [pid for pid in orphans if pid in descendants(1)]
        left_behind += len(left)
        await asyncio.to_thread(world.server.start)
        await asyncio.sleep(1.0)
    world.told["processes left of killed servers"] = left_behind


async def overload(world: World) -> None:
    """A noisy caller asks four times what the server can do; a quiet one, by another key, now and then."""
    noisy = await asyncio.to_thread(world.server.new_key, "paid", "noisy")
    quiet = await asyncio.to_thread(world.server.new_key, "paid", "quiet")
    seconds = 8.0 if world.short else 30.0
    async with session_of() as session:
        began, done = time.monotonic(), 0
        while time.monotonic() - began < 4:
            done += sum(
                each.is_good
                for each in await asyncio.gather(
                    *(ask(session, world.server.url, 10**6 + done + i, noisy) for i in range(2))
                )
            )
    capacity = done / 4
    loud, soft = Record(), Record()
    async with (
        watching(lambda: world.server.url, 4 * capacity, loud, first=2 * 10**6, key=noisy),
        watching(lambda: world.server.url, 1.0, soft, first=4 * 10**6, key=quiet),
    ):
        await asyncio.sleep(seconds)
    rejects = sorted(each.seconds for each in loud.answers if each.status == 503)
    good = sum(each.is_good for each in loud.answers + soft.answers)
    world.told |= {
        "capacity, pictures a second": round(capacity, 1),
        "goodput of it": round(good / (capacity * seconds), 2),
        "refusals": len(rejects),
        "refusal p99, ms": round(1000 * rejects[int(0.99 * (len(rejects) - 1))], 1) if rejects else 0.0,
        "quiet caller served": round(sum(each.is_good for each in soft.answers) / max(1, len(soft.answers)), 3),
    }


async def slow_clients(world: World) -> None:
    """Connections that send heads or bodies a byte at a time, or nothing, or take no answer."""
    kinds = (
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: ", b"a"),
        (
            b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900000\r\n\r\n",
            b"x",
        ),
        (b"", b""),
        (b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40, b""),
    )
    over = asyncio.Event()

    async def one(number: int) -> None:
        head, drop = kinds[number % len(kinds)]
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
            writer.write(head)
            while not over.is_set():
                writer.write(drop)
                await asyncio.sleep(1.0)
            writer.close()

    tasks = [asyncio.create_task(one(number)) for number in range(world.times(1000))]
    await asyncio.sleep(6 if world.short else 30)
    over.set()
    await asyncio.gather(*tasks)


async def terminate(world: World) -> None:
    """SIGTERM while pictures are at work and an upload is stalled: what is running may end, within 35 s."""
    stalled = await asyncio.open_connection("127.0.0.1", world.server.port)
    stalled[1].write(
        b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000\r\n\r\nx"
    )
    await asyncio.sleep(1.0)
    began = time.monotonic()
    harm(world.pid, signal.SIGTERM)
    code = await asyncio.to_thread(world.server.process.wait, 60)
    world.told |= {"exit code": code, "seconds to the end": round(time.monotonic() - began, 1)}
    stalled[1].close()
    await asyncio.to_thread(world.server.start)


CASES: dict[str, Case] = {
    "none": Case(harm=nothing, refuses=False),
    "killed-children": Case(harm=kill_idle_children),
    "stopped-children": Case(harm=stop_children),
    "killed-zygotes": Case(harm=kill_zygotes),
    "stopped-zygotes": Case(harm=stop_zygotes),
    "killed-server": Case(harm=kill_server, cuts=True, restarts=True),
    "overload": Case(harm=overload, settings={"REQUIRE_KEY": "true"}, per_second=0.0),
    "slow-clients": Case(harm=slow_clients, settings={"MAX_CONNECTIONS_PER_ADDRESS": "2000"}),
    "terminated": Case(harm=terminate, cuts=True, restarts=True),
}

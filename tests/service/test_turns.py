"""Slots by turns: a quiet caller beside a noisy one, places that are given up, hosts that are left alone."""

from __future__ import annotations

import asyncio

from pixlean.domain.errors import PixleanError, Unavailable
from pixlean.domain.share import working_for
from pixlean.domain.turns import Turns
from pixlean.outbound.circuit import Circuits
from pixlean.service.gate import Gate, Settings


def test_a_quiet_caller_waits_for_one_turn_of_each_other() -> None:
    async def story() -> list[str]:
        turns, order = Turns(1), list[str]()

        async def work(who: str) -> None:
            async with turns.turn(who):
                order.append(who)
                await asyncio.sleep(0.001)

        noisy = [asyncio.create_task(work("noisy")) for _ in range(20)]
        await asyncio.sleep(0)
        quiet = [asyncio.create_task(work("quiet")) for _ in range(3)]
        await asyncio.gather(*noisy, *quiet)
        return order

    order = asyncio.run(story())
    assert [at for at, who in enumerate(order) if who == "quiet"] == [2, 4, 6] and len(order) == 23


def test_one_caller_has_a_share_and_the_cancelled_have_none() -> None:
    async def story() -> None:
        turns = Turns(4, share=2)
        most = [0, 0]

        async def work(who: str, seconds: float) -> None:
            async with turns.turn(who):
                most[0] = max(most[0], turns._at_work["noisy"])
                await asyncio.sleep(seconds)

        noisy = [asyncio.create_task(work("noisy", 0.05)) for _ in range(6)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(0.02):
            await work("quiet", 0)
        for task in noisy[3:]:
            task.cancel()
        await asyncio.gather(*noisy, return_exceptions=True)
        assert most[0] == 2 and turns._free == 4 and not turns._waiting and not turns._at_work

    asyncio.run(story())


def test_a_full_queue_makes_room_for_who_has_less() -> None:
    async def story() -> None:
        turns = Turns(1)
        gate = Gate(Settings(slots=1, depth=3), turns)
        ends: list[str] = []

        async def work(who: str) -> None:
            with working_for(who):
                try:
                    with gate.enter():
                        async with turns.turn(who, may_yield=True):
                            await asyncio.sleep(0.2)
                    ends.append(who)
                except PixleanError as error:
                    assert isinstance(error, Unavailable)
                    ends.append(f"{who} refused")

        noisy = [asyncio.create_task(work("noisy")) for _ in range(6)]
        await asyncio.sleep(0.001)
        assert ends.count("noisy refused") == 2 and gate.inside == 4
        quiet = [asyncio.create_task(work("quiet"))]
        await asyncio.gather(*noisy, *quiet)
        assert ends.count("quiet") == 1 and ends.count("noisy") == 3 and gate.inside == 0

    asyncio.run(story())


def test_who_is_cancelled_as_a_slot_becomes_free_holds_nobody_up() -> None:
    async def story() -> None:
        turns = Turns(1)
        first = turns.turn("a")
        await first.__aenter__()

        async def work() -> bool:
            async with turns.turn("b"):
                return True

        going, next_one = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(0.01)
        going.cancel()
        await first.__aexit__(None, None, None)  # the one that goes has not heard of it yet
        assert await asyncio.wait_for(next_one, 1) and turns._free == 1 and not turns._waiting

    asyncio.run(story())


def test_a_host_that_does_not_answer_is_asked_now_and_then() -> None:
    now = [0.0]
    circuits = Circuits(lambda: now[0])
    dead, good = "https://dead.example/hook", "https://good.example/hook"
    for _ in range(5):
        assert circuits.pause(dead) == 0
        circuits.failed(dead)
    assert 0 < circuits.pause(dead) <= 10 and circuits.pause(good) == 0
    now[0] = 10.5
    assert circuits.pause(dead) == 0 and circuits.pause(dead) > 0  # one may try
    circuits.failed(dead)
    assert circuits.pause(dead) > 10
    now[0] = 40.0
    assert circuits.pause(dead) == 0
    circuits.answered(dead)
    assert circuits.pause(dead) == circuits.pause(dead) == 0

"""The board: what is taken by several processes is never too much, comes back when one dies, and goes by turns."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from pixlean.access.rate import RateExceeded, RateLimiter, Settings
from pixlean.access.tally import Tally
from pixlean.domain.budget import ByteBudget
from pixlean.domain.errors import Unavailable
from pixlean.domain.share import working_for
from pixlean.domain.turns import Turns
from pixlean.service.gate import Gate
from pixlean.service.gate import Settings as GateSettings
from pixlean.share.board import Board, Cell, Seat
from pixlean.share.supply import BoardBudget, BoardPlaces, BoardSlots
from pixlean.share.twins import BoardTwins
from pixlean.storage.cache import Entry, ResultCache
from pixlean.web.merge import grown, merged
from serving import free_port


def seats(folder: Path, rows: int = 2) -> list[Seat]:
    board = Board(rows, folder)
    return [Seat(board, row) for row in range(rows)]


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def test_places_are_counted_over_all_and_come_back_from_the_dead(tmp_path: Path) -> None:
    one, other = seats(tmp_path)
    first, second = BoardPlaces(one), BoardPlaces(other)
    assert [first.take(3), second.take(3), first.take(3), second.take(3)] == [True, True, True, False]
    one.board.clear(one.row)
    assert second.used == 1 and second.take(3) and second.take(3) and not second.take(3)


def test_who_came_first_is_served_first_in_whichever_process(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = seats(tmp_path)
        slots = [BoardSlots(one, 1), BoardSlots(other, 1)]
        order: list[int] = []

        async def work(number: int) -> None:
            async with slots[number % 2].hold(1):
                order.append(number)
                await asyncio.sleep(0.002)

        with one.listening(), other.listening():
            tasks = []
            for number in (0, 2, 1, 4, 3, 5, 7, 6):
                tasks.append(asyncio.create_task(work(number)))
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)
        assert order == [0, 2, 1, 4, 3, 5, 7, 6]

    run(story())


def test_who_goes_away_while_waiting_leaves_the_turn_to_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = seats(tmp_path)
        budgets = [BoardBudget(one, 10), BoardBudget(other, 10)]

        async def work(number: int, size: int) -> None:
            async with budgets[number].hold(size):
                await asyncio.sleep(0.01)

        with one.listening(), other.listening():
            async with budgets[0].hold(6):
                large = asyncio.create_task(work(1, 50))  # more than there is: it runs alone
                await asyncio.sleep(0.01)
                small = asyncio.create_task(work(0, 4))
                await asyncio.sleep(0.01)
                assert not small.done()
                large.cancel()
                await asyncio.wait_for(small, 1)
            await asyncio.wait_for(work(1, 50), 1)
        assert one.board.total(Cell.BYTES) == 0

    run(story())


def test_callers_take_turns_within_a_process_and_processes_among_each_other(tmp_path: Path) -> None:
    async def story() -> None:
        held = seats(tmp_path)
        turns = [Turns(1, supply=BoardSlots(seat, 1)) for seat in held]
        order: list[str] = []

        async def work(row: int, who: str) -> None:
            async with turns[row].turn(who):
                assert held[0].board.total(Cell.SLOTS) == 1
                order.append(who)
                await asyncio.sleep(0.002)

        with held[0].listening(), held[1].listening():
            noisy = [asyncio.create_task(work(0, "noisy")) for _ in range(20)]
            await asyncio.sleep(0.001)
            beside = asyncio.create_task(work(0, "quiet beside"))
            other = asyncio.create_task(work(1, "quiet elsewhere"))
            await asyncio.sleep(0)
            for task in noisy[-3:]:
                task.cancel()
            await asyncio.gather(*noisy, beside, other, return_exceptions=True)
        assert len(order) == 19 and order.index("quiet beside") < 5 and order.index("quiet elsewhere") < 5
        assert held[0].board.total(Cell.SLOTS) == 0 and not any(held[0].board.column(Cell.SLOTS_TICKET))

    run(story())


def test_nobody_asks_for_a_slot_once_all_who_waited_have_gone(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = seats(tmp_path)
        turns, elsewhere = Turns(1, supply=BoardSlots(one, 1)), BoardSlots(other, 1)

        async def work() -> None:
            async with turns.turn("a"):
                pass

        with one.listening(), other.listening():
            for moments in range(6):  # also before the question was put
                await elsewhere.take(1)
                waiting = asyncio.create_task(work())
                for _ in range(moments):
                    await asyncio.sleep(0)
                waiting.cancel()
                elsewhere.give(1)
                await asyncio.wait({waiting})
                await asyncio.sleep(0.01)
                assert not one.board.total(Cell.SLOTS) and not any(one.board.column(Cell.SLOTS_TICKET))
            await asyncio.wait_for(work(), 1)

    run(story())


def test_a_queue_that_is_full_over_all_makes_room_for_who_has_less_here(tmp_path: Path) -> None:
    async def story() -> None:
        held = seats(tmp_path)
        turns = [Turns(1, supply=BoardSlots(seat, 1)) for seat in held]
        gates = [
            Gate(GateSettings(slots=1, depth=3), turn, BoardPlaces(seat))
            for turn, seat in zip(turns, held, strict=True)
        ]
        ends: list[str] = []

        async def work(row: int, who: str) -> None:
            with working_for(who):
                try:
                    with gates[row].enter():
                        async with turns[row].turn(who, may_yield=True):
                            await asyncio.sleep(0.1)
                    ends.append(who)
                except Unavailable:
                    ends.append(f"{who} refused")

        with held[0].listening(), held[1].listening():
            noisy = [asyncio.create_task(work(0, "noisy")) for _ in range(4)]
            await asyncio.sleep(0.01)
            await work(1, "elsewhere")  # whom that process can't make room for
            await work(0, "quiet")
            await asyncio.gather(*noisy)
        assert sorted(ends) == ["elsewhere refused", *["noisy"] * 3, "noisy refused", "quiet"]
        assert gates[0].inside == gates[1].inside == 0

    run(story())


def test_uploads_are_counted_over_all_and_those_of_the_dead_are_given_back(tmp_path: Path) -> None:
    one, other = seats(tmp_path)
    budgets = [ByteBudget(1000, BoardPlaces(seat, Cell.HELD_BYTES)) for seat in (one, other)]
    hold = budgets[0].hold()
    hold.reach(700)
    with pytest.raises(Unavailable):
        budgets[1].hold().reach(400)
    assert budgets[1].held_bytes == 700
    one.board.clear(one.row)
    budgets[1].hold().reach(400)


def test_who_waits_for_a_twin_elsewhere_takes_a_place(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = seats(tmp_path)
        twins, inside = [BoardTwins(one), BoardTwins(other)], list[str]()
        key = "ab" * 32

        @contextlib.contextmanager
        def waiting() -> Iterator[None]:
            inside.append("in")
            yield
            inside.append("out")

        async def after() -> bool:
            async with twins[1].alone(key, waiting) as waited:
                return waited

        with one.listening(), other.listening():
            async with twins[0].alone(key, waiting):
                second = asyncio.create_task(after())
                await asyncio.sleep(0.05)
                assert inside == ["in"]
            assert await asyncio.wait_for(second, 1) is True
        assert inside == ["in", "out"]

    run(story())


def test_a_dead_process_frees_what_others_wait_for(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = seats(tmp_path)
        slots, twins = [BoardSlots(one, 1), BoardSlots(other, 1)], [BoardTwins(one), BoardTwins(other)]
        key = "ab" * 32
        with one.listening(), other.listening():
            await slots[0].take(1)
            dying = twins[0].alone(key)
            assert await dying.__aenter__() is False

            async def after() -> bool:
                async with twins[1].alone(key) as waited, slots[1].hold(1):
                    return waited

            waiting = asyncio.create_task(after())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            one.board.clear(one.row)
            assert await asyncio.wait_for(waiting, 1) is True

    run(story())


def _hold_again_and_again(seat: Seat, total: int, rounds: int) -> None:
    async def story() -> None:
        slots = BoardSlots(seat, total)

        async def work() -> None:
            for _ in range(rounds):
                async with slots.hold(1):
                    assert seat.board.total(Cell.SLOTS) <= total
                    await asyncio.sleep(0.0005)

        with seat.listening():
            await asyncio.gather(*(work() for _ in range(4)))

    run(story())


def test_processes_that_are_killed_take_nothing_along(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held = seats(tmp_path, 3)
    workers = [context.Process(target=_hold_again_and_again, args=(seat, 2, 100)) for seat in held]
    for worker in workers:
        worker.start()
    time.sleep(0.2)
    assert workers[0].pid is not None
    os.kill(workers[0].pid, signal.SIGKILL)
    workers[0].join()
    held[0].board.clear(0)
    for worker in workers[1:]:
        worker.join(15)
        assert worker.exitcode == 0
    assert held[0].board.total(Cell.SLOTS) == 0 and not any(held[0].board.column(Cell.SLOTS_TICKET))


def test_windows_are_one_over_all_and_slide(tmp_path: Path) -> None:
    now = 1_000_000.0
    tallies = [Tally(tmp_path / "requests.db", lambda: now) for _ in range(2)]
    limiters = [RateLimiter(Settings(), tally) for tally in tallies]

    async def story() -> None:
        nonlocal now
        left = []
        for number in range(4):
            standing = await limiters[number % 2].admit_to("feather", 4, "192.0.2.1")
            assert standing is not None
            left.append(standing.remaining)
            now += 10
        assert left == [3, 2, 1, 0]
        for limiter in limiters:
            with pytest.raises(RateExceeded) as refused:
                await limiter.admit_to("feather", 4, "192.0.2.1")
            assert refused.value.standing.reset_at == 1_000_060
            assert await limiter.admit_to("feather", 4, "192.0.2.2") is not None
        now += 20  # the first one is a minute old
        await limiters[1].admit_to("feather", 4, "192.0.2.1")
        with pytest.raises(RateExceeded):
            await limiters[0].admit_to("feather", 4, "192.0.2.1")

    run(story())
    for tally in tallies:
        tally.close()


def test_a_lost_redis_leaves_the_limits_of_the_server_not_of_each_process(tmp_path: Path) -> None:
    tallies = [Tally(tmp_path / "requests.db") for _ in range(2)]
    lost = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0", public_burst=4)
    limiters = [RateLimiter(lost, tally) for tally in tallies]

    async def story() -> None:
        for number in range(4):
            await limiters[number % 2].admit("192.0.2.1", known=False)
        for limiter in limiters:
            with pytest.raises(RateExceeded):
                await limiter.admit("192.0.2.1", known=False)
            assert limiter.fail_opens == 3
            await limiter.close()

    run(story())
    for tally in tallies:
        tally.close()


def test_a_cache_of_many_threads_stays_below_its_cap_and_knows_its_size(tmp_path: Path) -> None:
    from pixlean.share.supply import BoardTotal

    caches = [ResultCache(tmp_path / "cache", 50_000, BoardTotal(seat)) for seat in seats(tmp_path)]

    def fill(number: int) -> None:
        for at in range(100):
            key = f"{at:02x}{number:062x}"
            caches[number % 2].put(key, Entry(notes=b"{}", data=bytes(1000)))
            caches[number % 2].put(key, Entry(notes=b"{}", data=bytes(500)))

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    size = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.result"))
    assert 0 < size <= 50_000 and abs(caches[0].total_bytes - size) < 5_000
    caches[0].put("ff" * 32, Entry(notes=b"{}", data=b"x"))
    assert caches[1].get("ff" * 32) == Entry(notes=b"{}", data=b"x")


def test_counters_add_up_and_those_of_the_dead_stay() -> None:
    def text(requests: int, depth: int, waiting: int, created: int) -> bytes:
        return (
            "# HELP pixlean_requests_total Requests.\n# TYPE pixlean_requests_total counter\n"
            f'pixlean_requests_total{{route="/optimize"}} {requests}\n'
            "# HELP pixlean_requests_created Requests.\n# TYPE pixlean_requests_created gauge\n"
            f'pixlean_requests_created{{route="/optimize"}} {created}\n'
            "# HELP pixlean_queue_depth Depth.\n# TYPE pixlean_queue_depth gauge\n"
            f"pixlean_queue_depth {depth}\n"
            "# HELP pixlean_children_waiting Children.\n# TYPE pixlean_children_waiting gauge\n"
            f"pixlean_children_waiting {waiting}\n"
        ).encode()

    of_all = frozenset({"pixlean_queue_depth"})
    dead = grown([text(5, 2, 3, 100), text(1, 2, 3, 90)])
    shown = merged(text(10, 4, 2, 200), [text(20, 4, 1, 150), dead], of_all).decode().splitlines()
    assert 'pixlean_requests_total{route="/optimize"} 36.0' in shown
    assert 'pixlean_requests_created{route="/optimize"} 90.0' in shown
    assert "pixlean_queue_depth 4.0" in shown and "pixlean_children_waiting 3.0" in shown

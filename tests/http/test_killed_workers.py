"""Serving processes that are killed again and again under load."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from test_workers import KEY, SMALL, below, metric

from serving import Server

LARGE = SMALL + bytes(2 << 20)  # from here on Compressorize answers before the work


@dataclass
class Lane:
    """What one client saw. Counted requests by their ids, jobs by their Idempotency-Keys."""

    number: int
    answers: int = 0
    cuts: int = 0
    others: list[tuple[str, int]] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    jobs: dict[str, str] = field(default_factory=dict)

    def work(self, url: str, end: float) -> None:
        with httpx.Client(base_url=url, timeout=60, headers=KEY) as client:
            turn = 0
            while time.monotonic() < end:
                turn += 1
                if turn % 40 == 0:
                    self._job(client, f"{self.number}-{turn}")
                elif turn % 4 == 0:
                    self._counted(client, SMALL + f"{self.number}-{turn}".encode())
                else:
                    self._ask(client, "/estimate" if turn % 10 == 0 else "/optimize", SMALL)

    def _ask(self, client: httpx.Client, path: str, data: bytes, **headers: str) -> httpx.Response | None:
        try:
            answer = client.post(path, files={"file": ("x.jpg", data)}, headers=headers)
        except httpx.TransportError:
            self.cuts += 1
            return None
        self.answers += 1
        if answer.status_code not in (200, 202):
            self.others.append((path, answer.status_code))
        return answer

    def _counted(self, client: httpx.Client, data: bytes) -> None:
        mine = str(uuid.uuid4())
        answer = self._ask(client, "/v1/compress", data, **{"X-Request-ID": mine})
        (self.counted if answer is not None else self.cut).add(mine)

    def _job(self, client: httpx.Client, name: str) -> None:
        for _ in range(10):  # who was cut asks again, with the same key
            answer = self._ask(client, "/api/v1/compress", LARGE + name.encode(), **{"Idempotency-Key": name})
            if answer is not None:
                self.jobs[name] = answer.json()["id"]
                return


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousands_of_requests_while_a_process_is_killed_every_five_seconds(serve: Callable[..., Server]) -> None:
    """Nothing is lost, nothing is done twice, and no answer fails but those that were cut."""
    server = serve(
        WORKERS="2", API_KEY="house", MAX_QUEUE_DEPTH="1000", COMPRESSORIZE_PAID_RPM="0", CACHE_MAX_MB="1024"
    )
    seconds = float(os.environ.get("PIXLEAN_KILL_SECONDS", "60"))
    over = threading.Event()
    kills = 0

    def kill_now_and_again() -> None:
        nonlocal kills
        while not over.wait(5):
            os.kill(below(server)[kills % 2], signal.SIGKILL)
            kills += 1

    killer = threading.Thread(target=kill_now_and_again)
    killer.start()
    lanes = [Lane(number) for number in range(6)]
    with ThreadPoolExecutor(len(lanes)) as threads:
        list(threads.map(lambda lane: lane.work(server.url, time.monotonic() + seconds), lanes))
    over.set()
    killer.join()
    answers, cuts = sum(lane.answers for lane in lanes), sum(lane.cuts for lane in lanes)
    jobs = {name: job for lane in lanes for name, job in lane.jobs.items()}
    print(f"{answers} answers, {cuts} cut, {kills} kills, {len(jobs)} jobs")
    assert not [other for lane in lanes for other in lane.others]
    assert answers > 500 and cuts <= kills * len(lanes)  # at most what was open at each kill

    rows = sqlite3.connect(Path(server.data.name) / "pixlean.db")
    ask = "SELECT idempotency_key, id, state FROM jobs WHERE kind = 'compress'"
    end = time.monotonic() + 120
    while any(state in ("queued", "working") for _, _, state in rows.execute(ask)) and time.monotonic() < end:
        time.sleep(0.5)
    kept = {name.partition(":")[2]: (job, state) for name, job, state in rows.execute(ask)}
    assert {name: (job, "done") for name, job in jobs.items()} == kept  # each accepted one, once, and ended
    ids = [row[0] for row in rows.execute("SELECT request_id FROM debits WHERE held_until IS NULL")]
    held = rows.execute("SELECT COUNT(*) FROM debits WHERE held_until IS NOT NULL").fetchone()[0]
    counted = {each for lane in lanes for each in lane.counted}
    assert len(ids) == len(set(ids)) and counted <= set(ids) <= counted | {each for lane in lanes for each in lane.cut}
    assert held <= cuts and rows.execute("SELECT SUM(used) FROM usage").fetchone()[0] == len(ids) + held
    rows.close()
    assert metric(server, "pixlean_queue_depth") == 0

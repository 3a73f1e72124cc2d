"""Several serving processes: one share of everything, and none that is missed when it dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pictures import photo, saved
from pixlean.state.settings import Settings
from pixlean.web.dialects.optipic.settings import TARIFF
from serving import Server, free_port
from spending import spend

SMALL = saved(photo().resize((64, 48)), "JPEG", quality=95)
KEY = {"Authorization": "Bearer house"}
ROW = {"WORKERS": "2", "COMPRESSION_SEMAPHORE_SIZE": "1", "MAX_QUEUE_DEPTH": "2", "API_KEY": "house"}


def slow(number: int) -> bytes:
    """A picture that takes about a second; each number is another one."""
    picture = photo().resize((640, 480))
    picture.putpixel((0, 0), (number, number, number))
    return saved(picture, "PNG", compress_level=1)


def below(server: Server) -> list[int]:
    """The serving processes."""
    pid = server.process.pid
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def client_of(server: Server, pid: int) -> httpx.Client:
    """A client with one open connection, which is that process's: the others stand still while it is made."""
    others = [other for other in below(server) if other != pid]
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        client = httpx.Client(
            base_url=server.url, timeout=60, headers=KEY, limits=httpx.Limits(max_connections=1, keepalive_expiry=600)
        )
        assert client.get("/health").status_code == 200
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)
    return client


def clients_of(server: Server) -> list[httpx.Client]:
    end = time.monotonic() + 20
    while len(below(server)) < 2 or metric(server, "pixlean_children_waiting") < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    return [client_of(server, pid) for pid in below(server)]


def optimize(client: httpx.Client, data: bytes) -> httpx.Response:
    return client.post("/optimize", files={"file": ("x", data)})


def metric(server: Server, name: str) -> float:
    """A value of all processes together."""
    text = httpx.get(f"{server.url}/metrics", timeout=20).text
    return sum(float(value) for value in re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def pair() -> Iterator[Server]:
    running = Server(**ROW, RATE_LIMIT_PER_MINUTE="5")
    yield running
    running.stop()


def test_the_queue_has_one_depth(pair: Server) -> None:
    clients = clients_of(pair)
    each = [client_of(pair, pid) for pid in below(pair) for _ in range(3)]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(optimize, each, [slow(number) for number in range(6)]))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["queue_depth"] == 3
    assert metric(pair, "pixlean_queue_depth") == 0
    assert [optimize(client, SMALL).status_code for client in clients] == [200, 200]


def test_what_one_process_made_the_other_knows_and_twins_wait_for_each_other(pair: Server) -> None:
    one, other = clients_of(pair)
    data = saved(photo().resize((99, 77)), "JPEG", quality=95)
    assert [optimize(client, data).headers["x-cache"] for client in (one, other)] == ["miss", "hit"]
    with ThreadPoolExecutor(2) as threads:
        twins = list(threads.map(optimize, (one, other), [slow(100)] * 2))
    assert sorted(answer.headers["x-cache"] for answer in twins) == ["hit", "miss"]
    assert twins[0].content == twins[1].content


def test_a_minute_has_so_many_requests_in_all(pair: Server) -> None:
    clients = clients_of(pair)
    with ThreadPoolExecutor(2) as threads:

        def ask(number: int) -> int:
            return clients[number % 2].post("/api/compress", files={"file": ("x.jpg", SMALL)}).status_code

        codes = list(threads.map(ask, range(12)))
    assert sorted(codes) == [200] * 5 + [429] * 7


def test_a_key_is_known_to_all_and_its_quota_is_one(pair: Server) -> None:
    clients = clients_of(pair)
    key = pair.pixlean("keys", "create", "--name", "tester", "--plan", "free").strip()
    shown = {"Authorization": f"Bearer {key}"}
    assert [client.get("/v1/usage", headers=shown).status_code for client in clients] == [200, 200]
    spend(Settings(folder=Path(pair.data.name)), key, TARIFF, 490)
    with ThreadPoolExecutor(2) as threads:

        def ask(number: int) -> int:
            return clients[number % 2].post("/v1/compress", files={"file": SMALL}, headers=shown).status_code

        assert sorted(threads.map(ask, range(20))) == [200] * 10 + [429] * 10
    assert {client.get("/v1/usage", headers=shown).json()["requests"] for client in clients} == {500}
    pair.pixlean("keys", "revoke", json.loads(pair.pixlean("keys", "list", "--json"))["keys"][0]["id"])
    time.sleep(1.1)
    assert [client.get("/v1/usage", headers=shown).status_code for client in clients] == [401, 401]


def test_metrics_add_up_whoever_is_asked(pair: Server) -> None:
    clients = clients_of(pair)
    name = 'pixlean_requests_total{dialect="none",route="other",status="404"}'
    before = metric(pair, name)
    for number in range(7):
        clients[number % 3 // 2].get(f"/{uuid.uuid4()}")
    for client in clients:
        assert f"{name} {before + 7}" in client.get("/metrics").text
    assert metric(pair, "pixlean_children_waiting") == 4  # two that wait in each


def test_a_killed_process_is_replaced_and_only_what_it_did_is_cut(pair: Server) -> None:
    pids, (one, other) = below(pair), clients_of(pair)
    before = metric(pair, "pixlean_cache_misses_total")
    with ThreadPoolExecutor(2) as threads:
        cut: Future[httpx.Response] = threads.submit(optimize, one, slow(200))
        time.sleep(0.4)
        waits = threads.submit(optimize, other, slow(201))  # for the only slot, which the killed process has
        time.sleep(0.2)
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            cut.result()
        assert waits.result().status_code == 200
    again = clients_of(pair)
    assert pids[1] in below(pair) and pids[0] not in below(pair)
    assert [optimize(client, slow(202)).headers["x-cache"] for client in again] == ["miss", "hit"]
    assert metric(pair, "pixlean_queue_depth") == 0 and metric(pair, "pixlean_cache_misses_total") >= before + 2


def test_sigterm_lets_all_finish(serve: Callable[..., Server]) -> None:
    server = serve(**ROW)
    clients = clients_of(server)
    pids = below(server)
    assert len(os.listdir(f"/proc/{server.process.pid}/task")) == 1  # what can be forked at any time
    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(optimize, client, slow(number)) for number, client in enumerate(clients)]
        time.sleep(0.5)
        server.process.terminate()
        assert [answer.result().status_code for answer in answers] == [200, 200]
    assert server.process.wait(30) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.slow
def test_processes_end_with_a_supervisor_that_is_killed(serve: Callable[..., Server]) -> None:
    server = serve(**ROW)
    pids = below(server)
    server.kill()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end
        time.sleep(0.05)
    server.start()  # the folder is free again
    assert optimize(client_of(server, below(server)[0]), SMALL).status_code == 200


def test_what_can_not_start_says_so_and_ends(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    bad = {"TLS_CERT_FILE": str(tmp_path / "bad.pem"), "TLS_KEY_FILE": str(tmp_path / "bad.pem")}
    ended = subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "serve"],
        env={**os.environ, **bad, "WORKERS": "2", "PORT": str(free_port()), "PIXLEAN_DATA_DIR": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2 and b"SSL" in ended.stderr and b"Traceback" not in ended.stderr, ended

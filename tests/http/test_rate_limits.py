"""Rate limits on a real Redis of the test's own; skipped where no redis-server is installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from test_optimize import assert_error, post

from pictures import photo, saved
from serving import Server, free_port

DATA = saved(photo(), "JPEG", quality=95)
needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")


class Redis:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.1).close()
                return
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def redis() -> Iterator[Redis]:
    running = Redis()
    yield running
    running.stop()


@needs_redis
def test_two_servers_share_one_limit_and_say_where_the_caller_stands(
    serve: Callable[..., Server], redis: Redis
) -> None:
    servers = [serve(REDIS_URL=redis.url, RATE_LIMIT_PUBLIC_RPM="6", RATE_LIMIT_PUBLIC_BURST="0") for _ in range(2)]
    for number in range(6):
        answer = post(servers[number % 2], DATA)
        assert answer.status_code == 200 and answer.headers["x-ratelimit-remaining"] == str(5 - number)
    refused = post(servers[0], DATA)
    body = assert_error(refused, 429, "rate_limit_exceeded")
    assert 0 < body["retry_after"] <= 60 and body["limit"] == 6
    assert refused.headers["retry-after"] == str(body["retry_after"])
    assert refused.headers["ratelimit"] == f"limit=6, remaining=0, reset={body['retry_after']}"
    # Health, preflight and paths that are not there are never counted or refused.
    client = servers[1].client
    assert client.get("/health").status_code == 200
    assert client.get("/nothing").status_code == 404
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/optimize", headers=asked).status_code == 200
    assert_error(client.post("/estimate", files={"file": ("x", DATA)}), 429, "rate_limit_exceeded")


@needs_redis
def test_a_burst_is_cut_while_the_minute_still_has_room(serve: Callable[..., Server], redis: Redis) -> None:
    server = serve(REDIS_URL=redis.url, RATE_LIMIT_PUBLIC_BURST="3")
    codes = [post(server, DATA).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    body = post(server, DATA).json()
    assert body["limit"] == 3 and body["retry_after"] <= 10


@needs_redis
def test_keys_are_free_unless_they_are_limited(serve: Callable[..., Server], redis: Redis) -> None:
    bearer = {"Authorization": "Bearer k"}
    free = serve(REDIS_URL=redis.url, API_KEY="k", RATE_LIMIT_PUBLIC_BURST="1")
    assert [post(free, DATA, **bearer).status_code for _ in range(3)] == [200, 200, 200]
    limited = serve(REDIS_URL=redis.url, API_KEY="k", RATE_LIMIT_AUTH_ENABLED="true", RATE_LIMIT_AUTH_RPM="2")
    assert [post(limited, DATA, **bearer).status_code for _ in range(3)] == [200, 200, 429]


@needs_redis
def test_only_trusted_proxies_may_name_the_client(serve: Callable[..., Server], redis: Redis) -> None:
    def codes(server: Server, addresses: list[str]) -> list[int]:
        return [post(server, DATA, **{"X-Forwarded-For": address}).status_code for address in addresses]

    limits = {"REDIS_URL": redis.url, "RATE_LIMIT_PUBLIC_BURST": "1"}
    assert codes(serve(**limits), ["192.0.2.1", "192.0.2.2"]) == [200, 429]
    behind = serve(**limits, TRUSTED_PROXIES="127.0.0.0/8")
    assert codes(behind, ["198.51.100.1", "198.51.100.2", "6.6.6.6, 198.51.100.1"]) == [200, 200, 429]
    assert codes(behind, ["2001:db8:1:2::1", "2001:db8:1:2::ffff", "2001:db8:1:3::1"]) == [200, 429, 200]


@needs_redis
def test_a_redis_that_dies_leaves_each_process_its_own_limit_until_it_is_back(
    serve: Callable[..., Server], redis: Redis
) -> None:
    server = serve(REDIS_URL=redis.url, RATE_LIMIT_PUBLIC_BURST="1")
    assert [post(server, DATA).status_code for _ in range(2)] == [200, 429]
    redis.stop()
    assert [post(server, DATA).status_code for _ in range(5)] == [200, 429, 429, 429, 429]
    assert "pixlean_rate_fail_opens_total 5.0" in server.client.get("/metrics").text
    redis.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and [post(server, DATA).status_code for _ in range(2)] != [200, 429]:
        time.sleep(0.5)
    assert post(server, DATA).status_code == 429


def test_a_redis_that_hangs_costs_one_request_a_moment_and_the_others_nothing(serve: Callable[..., Server]) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    threading.Thread(target=lambda: [held.append(deaf.accept()[0]) for _ in range(50)], daemon=True).start()
    server = serve(REDIS_URL=f"redis://127.0.0.1:{deaf.getsockname()[1]}")
    small = saved(photo().resize((16, 16)), "PNG")
    times = []
    for _ in range(6):
        began = time.perf_counter()
        assert post(server, small).status_code == 200
        times.append(time.perf_counter() - began)
    assert sorted(times[1:])[2] < 0.15, times  # the first one waited 250 ms at most, and warmed the child up
    deaf.close()


def test_without_redis_nothing_is_limited(server: Server) -> None:
    answer = post(server, DATA)
    assert isinstance(answer, httpx.Response) and "x-ratelimit-limit" not in answer.headers

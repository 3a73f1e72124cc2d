"""Keys and usage over HTTP: dev mode, several servers, kills, a database that is away."""

from __future__ import annotations

import io
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from databases import postgresql
from pictures import photo, saved
from pixlean.access.tariffs import Meter
from pixlean.state.database import Settings
from serving import Server
from spending import spend

DATA = saved(photo().resize((64, 48)), "JPEG", quality=95)
QUEUE = {"MAX_QUEUE_DEPTH": "1000", "CACHE_MAX_MB": "16"}


def compress(server: Server, key: str) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.post(f"{server.url}/v1/compress", files={"file": DATA}, headers=headers, timeout=60).status_code


def usage(server: Server, key: str) -> int:
    return int(server.client.get("/v1/usage", headers={"Authorization": f"Bearer {key}"}).json()["requests"])


def test_dev_mode_is_said_and_ends_with_the_first_key(serve: Callable[..., Server], tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        server = serve(log)
        assert server.client.get("/v1/usage").json()["limit"] is None
        key = server.new_key()
    assert "dev mode" in (tmp_path / "log").read_text()
    shown = {"Authorization": f"Bearer {key}"}
    files = {"file": DATA}
    for path in ("/optimize", "/v1/compress"):
        assert httpx.post(server.url + path, files=files).status_code == 401
        assert httpx.post(server.url + path, files=files, headers=shown).status_code == 200
    assert httpx.post(f"{server.url}/shrink", content=DATA).status_code == 401
    assert httpx.post(f"{server.url}/shrink", content=DATA, auth=("api", key)).status_code == 201
    assert httpx.post(f"{server.url}/api/compress", files={"file": ("x.jpg", DATA)}).status_code == 200
    for path in ("/", "/health", "/health/ready", "/openapi.json"):
        assert server.client.get(path).status_code == 200


def test_the_key_of_the_settings_works_everywhere(serve: Callable[..., Server]) -> None:
    server = serve(API_KEY="my-key")
    shown = {"Authorization": "Bearer my-key"}
    assert httpx.post(f"{server.url}/optimize", files={"file": DATA}, headers=shown).status_code == 200
    assert httpx.post(f"{server.url}/v1/compress", files={"file": DATA}, headers=shown).status_code == 200
    assert httpx.post(f"{server.url}/shrink", content=DATA, auth=("api", "my-key")).status_code == 201
    assert httpx.post(f"{server.url}/v1/compress", files={"file": DATA}).status_code == 401


def test_a_second_server_on_the_same_folder_is_refused(server: Server) -> None:
    with pytest.raises(AssertionError, match="another server keeps its state"):
        server.pixlean("serve")


def test_keys_are_managed_beside_a_running_server(serve: Callable[..., Server]) -> None:
    server = serve()
    key = server.new_key()
    listed = server.pixlean("keys", "list", "--json")
    assert key not in listed and '"plan": "free"' in listed
    key_id = listed.partition('"id": "')[2].partition('"')[0]
    rotated = server.pixlean("keys", "rotate", key_id).strip()
    time.sleep(1.1)
    assert compress(server, key) == 401 and compress(server, rotated) == 200
    server.pixlean("keys", "revoke", key_id)
    time.sleep(1.1)
    assert compress(server, rotated) == 401


def test_a_lost_database_stops_keyed_requests_only(serve: Callable[..., Server]) -> None:
    server = serve()
    key = server.new_key()
    assert compress(server, key) == 200
    blocker = sqlite3.connect(Path(server.data.name) / "pixlean.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    answer = httpx.post(
        f"{server.url}/v1/compress", files={"file": DATA}, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    assert answer.status_code == 503 and answer.json()["error"] == "service_unavailable"
    assert answer.headers["retry-after"]
    ready = server.client.get("/health/ready")
    assert ready.status_code == 503 and ready.json()["status"] == "database lost"
    assert httpx.post(f"{server.url}/api/compress", files={"file": ("x.jpg", DATA)}).status_code == 200
    blocker.execute("ROLLBACK")
    time.sleep(1.2)
    assert compress(server, key) == 200 and server.client.get("/health/ready").status_code == 200


def test_exactly_the_quota_under_concurrency(serve: Callable[..., Server]) -> None:
    server = serve(**QUEUE)
    key = server.new_key()
    spend(Settings(folder=Path(server.data.name)), key, Meter.OPTIPIC, 400)
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda _: compress(server, key), range(160)))
    assert answers.count(200) == 100 and answers.count(429) == 60 and usage(server, key) == 500


def test_two_servers_on_one_postgresql_count_as_one(serve: Callable[..., Server], tmp_path: Path) -> None:
    with postgresql() as url:
        servers = [serve(DATABASE_URL=url, **QUEUE) for _ in range(2)]
        key = servers[0].new_key()
        while servers[1].client.get("/v1/usage").status_code != 401:
            time.sleep(0.1)
        spend(Settings(folder=tmp_path, url=url), key, Meter.OPTIPIC, 400)
        with ThreadPoolExecutor(64) as clients:
            answers = list(clients.map(lambda number: compress(servers[number % 2], key), range(140)))
        assert answers.count(200) == 100 and answers.count(429) == 40
        assert usage(servers[0], key) == usage(servers[1], key) == 500
        for one in servers:
            one.stop()


def test_a_killed_server_counts_what_clients_got(serve: Callable[..., Server]) -> None:
    server = serve(**QUEUE)
    key = server.new_key()
    got, lost = 0, 0
    for _ in range(3):
        stop = threading.Event()
        counts = {"got": 0, "lost": 0}

        def ask(stop: threading.Event = stop, counts: dict[str, int] = counts) -> None:
            while not stop.is_set():
                try:
                    assert compress(server, key) == 200
                    counts["got"] += 1
                except httpx.TransportError:
                    counts["lost"] += 1
                    return

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        time.sleep(0.7)
        server.kill()
        stop.set()
        for client in clients:
            client.join()
        got, lost = got + counts["got"], lost + counts["lost"]
        server.start()
    assert got > 0 and got <= usage(server, key) <= got + lost


def test_a_client_that_goes_away_is_refunded(serve: Callable[..., Server]) -> None:
    server = serve()
    key = server.new_key()
    slow = saved(photo().resize((1600, 1200)), "PNG")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server.url}/v1/convert", files={"file": io.BytesIO(slow)}, data={"to": "avif"},
            headers={"Authorization": f"Bearer {key}"}, timeout=httpx.Timeout(10, read=0.3),
        )  # fmt: skip
    for _ in range(50):
        if usage(server, key) == 0:
            break
        time.sleep(0.1)
    assert usage(server, key) == 0

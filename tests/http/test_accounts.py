"""Keys and usage over HTTP: dev mode, several servers, kills, a database that is away."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from databases import postgresql
from pictures import photo, saved
from pixlean.state.settings import Settings
from pixlean.web.dialects.optipic.settings import TARIFF
from serving import Server
from spending import spend

DATA = saved(photo().resize((64, 48)), "JPEG", quality=95)
QUEUE = {"MAX_QUEUE_DEPTH": "1000", "CACHE_MAX_MB": "16"}


def compress(server: Server, key: str, *, patient: bool = False) -> int:
    """The status; a ``patient`` client asks again where the server has no time just now."""
    headers = {"Authorization": f"Bearer {key}"}
    while True:
        answer = httpx.post(f"{server.url}/v1/compress", files={"file": DATA}, headers=headers, timeout=60)
        if answer.status_code != 503 or not patient:
            return answer.status_code
        time.sleep(0.2)


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


def test_keys_are_called_by_their_names_too(serve: Callable[..., Server]) -> None:
    server = serve()
    key = server.new_key(name="Ada Lovelace")
    rotated = server.pixlean("keys", "rotate", "Ada Lovelace").strip()
    time.sleep(1.1)
    assert compress(server, key) == 401 and compress(server, rotated) == 200
    assert "Ada Lovelace" in server.pixlean("keys", "revoke", "Ada Lovelace")
    time.sleep(1.1)
    assert compress(server, rotated) == 401
    for _ in range(2):
        server.pixlean("keys", "create", "--name", "twin")
    with pytest.raises(AssertionError, match="several keys are called twin"):
        server.pixlean("keys", "revoke", "twin")
    with pytest.raises(AssertionError, match="no active key Ada"):
        server.pixlean("keys", "revoke", "Ada Lovelace")


def test_a_required_key_is_required_while_there_is_none(serve: Callable[..., Server]) -> None:
    server = serve(REQUIRE_KEY="true")
    assert httpx.post(f"{server.url}/optimize", files={"file": DATA}).status_code == 401
    assert httpx.post(f"{server.url}/shrink", content=DATA).status_code == 401
    assert httpx.post(f"{server.url}/api/v1/compress", files={"file": DATA}).status_code == 401
    assert httpx.post(f"{server.url}/api/tasks/visual/imgcompress", files={"image_file": DATA}).status_code == 401
    assert httpx.post(f"{server.url}/v1/compress", files={"file": DATA}).status_code == 401
    assert server.client.get("/health/ready").status_code == 200
    assert compress(server, server.new_key()) == 200


@pytest.mark.parametrize("kind", ["a file in place of the folder", "no database", "no server"])
def test_state_that_can_not_be_kept_ends_the_start_with_a_sentence(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "pixlean.db").write_bytes(b"this is no database, however long it may be" * 100)
    environment = {**os.environ, "PORT": "0", "PIXLEAN_DATA_DIR": str(tmp_path)}
    environment |= {"PIXLEAN_DATA_DIR": str(tmp_path / "file")} if kind.startswith("a file") else {}
    environment |= {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"} if kind == "no server" else {}
    done = subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "serve"], env=environment, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and "can't be used" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_usage_speaks_each_apis_words(serve: Callable[..., Server]) -> None:
    server = serve()
    shown = {"X-API-KEY": server.new_key("paid")}
    fields = {"sync": "1"}
    path = "/api/tasks/visual/imgcompress"
    done = server.client.post(path, files={"image_file": DATA}, data=fields, headers=shown)
    assert done.json()["data"]["state"] == 1
    row = json.loads(server.pixlean("usage", "--json"))["usage"][0]
    assert (row["api"], row["used"], row["unit"]) == ("picwish", 1, "credits")
    # Whole lines where nobody looks: a table that is cut to 80 columns tells a script nothing.
    plain = server.pixlean("usage").splitlines()
    assert plain[0].split()[:3] == ["month", "key", "name"] and "picwish" in plain[1] and "credits" in plain[1]
    assert row["key"] in plain[1] and row["key"] in server.pixlean("keys", "list")


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
    spend(Settings(folder=Path(server.data.name)), key, TARIFF, 400)
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda _: compress(server, key, patient=True), range(160)))
    assert answers.count(200) == 100 and answers.count(429) == 60 and usage(server, key) == 500


def test_two_servers_on_one_postgresql_count_as_one(serve: Callable[..., Server], tmp_path: Path) -> None:
    with postgresql() as url:
        servers = [serve(DATABASE_URL=url, **QUEUE) for _ in range(2)]
        key = servers[0].new_key()
        while servers[1].client.get("/v1/usage").status_code != 401:
            time.sleep(0.1)
        spend(Settings(folder=tmp_path, url=url), key, TARIFF, 400)
        with ThreadPoolExecutor(64) as clients:
            answers = list(clients.map(lambda number: compress(servers[number % 2], key, patient=True), range(140)))
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

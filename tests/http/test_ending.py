"""What an operator relies on: one deadline, limits without Redis, nothing secret printed, backups that can be restored."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_optimize import post

from pictures import photo, saved
from pixlean.config import SettingsError, without_secrets
from pixlean.wiring.environment import load
from serving import Server, free_port

DATA = saved(photo(), "JPEG", quality=95)


@pytest.mark.slow
def test_everything_ends_within_one_deadline(serve: Callable[..., Server]) -> None:
    """A stalled upload, a body that nobody reads and a job at work, all at the signal."""
    server = serve(COMPRESSION_SEMAPHORE_SIZE="1", TOOL_TIMEOUT_SECONDS="200")
    stalled = socket.create_connection(("127.0.0.1", server.port))
    stalled.sendall(
        b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 1000000\r\n\r\n--x\r\n"
    )
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(0.5):
            try:
                stalled.sendall(b"-")
            except OSError:
                return

    threading.Thread(target=trickle, daemon=True).start()
    large = saved(photo().resize((2200, 1700)), "PNG", compress_level=1)
    assert server.client.post("/api/v1/compress", files={"file": ("a.png", large)}).status_code in (200, 202)
    started = time.monotonic()
    server.process.terminate()
    assert server.process.wait(40) == 0 and time.monotonic() - started < 35
    over.set()
    stalled.close()


def test_a_lost_redis_leaves_the_limits_of_each_process(serve: Callable[..., Server]) -> None:
    server = serve(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", RATE_LIMIT_PUBLIC_BURST="5")
    statuses = [post(server, DATA).status_code for _ in range(8)]
    assert statuses.count(200) == 5 and statuses.count(429) == 3
    assert "pixlean_rate_fail_opens_total 8.0" in server.client.get("/metrics").text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:SECRET@host/x"),
        ("DATABASE_URL", "user:SECRET@host"),
        ("DATABASE_URL", "SECRET"),
        ("REDIS_URL", "http://:SECRET@host"),
        ("REDIS_URL", "user:SECRET@host"),
        ("STORAGE_URL", "ftp://user:SECRET@bucket"),
        ("PUBLIC_URL", "ftp://user:SECRET@host"),
        ("AWS_ENDPOINT_URL", "ftp://user:SECRET@host"),
    ],
)
def test_a_wrong_setting_does_not_print_its_password(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value})
    assert "SECRET" not in str(caught.value) and name in str(caught.value)


def test_the_listing_of_settings_prints_no_password() -> None:
    rows = load(
        {
            "REDIS_URL": "redis://:SECRET@host:6379/0",
            "AWS_ENDPOINT_URL": "http://user:SECRET@host",
            "PUBLIC_URL": "https://user:SECRET@host",
            "STORAGE_EMULATOR_HOST": "http://u:SECRET@h",
            "DATABASE_URL": "postgresql://u:SECRET@h/x",
            "API_KEY": "SECRET",
            "WEBHOOK_SECRET": "SECRET",
        }
    ).rows
    assert not [row for row in rows if "SECRET" in row.value]
    assert without_secrets("redis://a:b@c@host/0?password=x&db=1") == "redis://***@host/0?password=***&db=1"
    assert without_secrets("https://host/path") == "https://host/path"


@pytest.mark.parametrize(
    "settings",
    [
        {"PIXLEAN_DATA_DIR": "/etc/hostname"},
        {"TLS_CERT_FILE": "/etc/hostname"},
        {"TLS_CERT_FILE": "/etc/hostname", "TLS_KEY_FILE": "/etc/hostname"},
        {"WEBHOOK_BACKOFF_SECONDS": "soon"},
    ],
)
def test_a_start_that_fails_says_why_in_a_line(settings: dict[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, "PIXLEAN_DATA_DIR": str(tmp_path), "PORT": str(free_port()), "HOST": "127.0.0.1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "pixlean.cli", "serve"],
        env={**environment, **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, said = running.communicate(timeout=20)
    except subprocess.TimeoutExpired:  # it runs without what it can't have, and says so
        running.terminate()
        _, said = running.communicate(timeout=40)
    else:
        assert running.returncode != 0
    assert said.strip() and "Traceback" not in said


def test_a_backup_of_a_running_server_is_restored(serve: Callable[..., Server], tmp_path: Path) -> None:
    """As ``docs/operations.md`` says: the database by SQLite's own backup first, then the objects."""
    server = serve()
    key = server.new_key("paid")
    shown = {"Authorization": f"Bearer {key}"}
    made = server.client.post("/api/v1/compress", files={"file": ("a.jpg", DATA)}, headers=shown)
    assert made.status_code == 200
    folder = Path(server.data.name)
    with sqlite3.connect(folder / "pixlean.db") as source, sqlite3.connect(tmp_path / "pixlean.db") as copy:
        source.backup(copy)
    shutil.copytree(folder / "objects", tmp_path / "objects")
    assert stat.S_IMODE((folder / "pixlean.db").stat().st_mode) == 0o600
    server.kill()
    restored = serve(PIXLEAN_DATA_DIR=str(tmp_path))
    assert restored.client.get("/v1/usage").status_code == 401
    assert restored.client.get("/v1/usage", headers=shown).status_code == 200
    status = restored.client.get(f"/api/v1/status/{made.headers['x-job-id']}", headers=shown).json()
    assert status["status"] != "processing"
    again = restored.client.post("/api/v1/compress", files={"file": ("a.jpg", DATA)}, headers=shown)
    assert again.status_code == 200 and again.content == made.content


def test_labels_are_templates_of_routes(server: Server) -> None:
    for path in (
        "/api/v1/status/strange%2Fthing",
        "/api/v1/status/evil-label",
        "/output/evil-label",
        "/api/evil-label",
    ):
        server.client.get(path)
    text = server.client.get("/metrics").text
    assert "evil-label" not in text and "strange" not in text
    assert 'route="/api/v1/status/{' in text


@pytest.mark.parametrize(
    ("path", "field", "data"),
    [("/api/v1/compress", "file", {}), ("/api/tasks/visual/imgcompress", "image_file", {"sync": "1"})],
)
def test_an_idempotency_key_with_another_body_is_422(
    server: Server, path: str, field: str, data: dict[str, str]
) -> None:
    def ask(picture: bytes, **more: str) -> int:
        files = {field: ("a.jpg", picture)}
        key = {"Idempotency-Key": f"key-{field}"}
        return server.client.post(path, files=files, data={**data, **more}, headers=key).status_code

    assert ask(DATA) == ask(DATA) == 200
    assert ask(saved(photo(), "JPEG", quality=90)) == 422
    assert ask(DATA, quality="60") == 422
    assert ask(DATA) == 200


def test_feather_asks_for_a_key_where_the_operator_wants_it(serve: Callable[..., Server]) -> None:
    server = serve(API_KEY="house", FEATHER_WITHOUT_KEY="false")
    files = {"file": ("a.jpg", DATA)}
    assert server.client.post("/api/compress", files=files).status_code == 401
    shown = {"Authorization": "Bearer house"}
    assert server.client.post("/api/compress", files=files, headers=shown).status_code == 200

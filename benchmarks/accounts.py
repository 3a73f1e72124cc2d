"""Quota, kills and overhead of keyed requests: ``python -m benchmarks.accounts [WHAT] [--postgres URL]``.

``quota``: 200 requests at a time on one key with 500 a month, three times; with PostgreSQL over two servers.
``kills``: the server is killed 20 times under load; usage must equal the answers, and at most those in flight more.
``overhead``: the median time of a keyed request against the open native one, in turns.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from PIL import Image
from skimage import data as samples

from benchmarks.serving import Server

_QUEUE = {"MAX_QUEUE_DEPTH": "1000"}


def _picture(width: int) -> bytes:
    image = Image.fromarray(samples.astronaut())
    made = io.BytesIO()
    image.resize((width, width)).save(made, "JPEG", quality=92)
    return made.getvalue()


def _ask(client: httpx.Client, key: str, picture: bytes) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return client.post("/v1/compress", files={"file": picture}, headers=headers).status_code


def _usage(server: Server, key: str) -> int:
    return int(server.client.get("/v1/usage", headers={"Authorization": f"Bearer {key}"}).json()["requests"])


def quota(postgres: str) -> None:
    """Print how many of 600 requests succeed where 500 are allowed."""
    more = {"DATABASE_URL": postgres} if postgres else {}
    servers = [Server(**_QUEUE, **more) for _ in range(2 if postgres else 1)]
    key = servers[0].new_key()
    time.sleep(1.5)
    picture = _picture(64)
    clients = [httpx.Client(base_url=server.url, timeout=120) for server in servers]
    answers: list[int] = []
    for _ in range(3):
        with ThreadPoolExecutor(200) as pool:
            answers += pool.map(lambda number: _ask(clients[number % len(clients)], key, picture), range(200))
    counts = {status: answers.count(status) for status in sorted(set(answers))}
    print(f"quota, {'PostgreSQL, two servers' if postgres else 'SQLite'}: {counts}, usage {_usage(servers[0], key)}")
    for server in servers:
        server.stop()


def kills(postgres: str, times: int = 20) -> None:
    """Print how usage compares with the answers that clients got."""
    server = Server(**_QUEUE, **({"DATABASE_URL": postgres} if postgres else {}))
    key = server.new_key("payg")
    picture = _picture(256)
    got = lost = 0
    lock = threading.Lock()
    for _ in range(times):
        over = threading.Event()

        def work(over: threading.Event = over) -> None:
            nonlocal got, lost
            with httpx.Client(base_url=server.url, timeout=30) as client:
                while not over.is_set():
                    try:
                        status = _ask(client, key, picture)
                    except httpx.TransportError:
                        with lock:
                            lost += 1
                        return
                    with lock:
                        got += status == 200

        workers = [threading.Thread(target=work) for _ in range(8)]
        for worker in workers:
            worker.start()
        time.sleep(random.uniform(0.3, 1.5))
        server.kill()
        over.set()
        for worker in workers:
            worker.join()
        server.start()
    print(
        f"kills: {times}, answers {got}, in flight {lost}, usage {_usage(server, key)} (answers to answers + in flight)"
    )
    server.stop()


def overhead(postgres: str, rounds: int = 400) -> None:
    """Print medians of the same work through the native API in dev mode and through OptiPic with a key."""
    open_server = Server(CACHE_MAX_MB="0")
    keyed = Server(CACHE_MAX_MB="0", **({"DATABASE_URL": postgres} if postgres else {}))
    key = keyed.new_key("payg")
    picture = _picture(256)
    found: dict[str, list[float]] = {"native, open": [], "native, key": [], "optipic, key": []}
    shown = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=open_server.url) as one, httpx.Client(base_url=keyed.url) as other:
        for number in range(rounds + 20):
            for name, client, path, headers in (
                ("native, open", one, "/optimize", {}),
                ("native, key", other, "/optimize", shown),
                ("optipic, key", other, "/v1/compress", shown),
            ):
                started = time.perf_counter()
                client.post(path, files={"file": picture}, headers=headers).raise_for_status()
                if number >= 20:
                    found[name].append(1000 * (time.perf_counter() - started))
    for name, values in found.items():
        print(f"{name}: p50 {statistics.median(values):.2f} ms, p95 {sorted(values)[int(0.95 * rounds)]:.2f} ms")
    open_server.stop()
    keyed.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("quota", "kills", "overhead"))
    parser.add_argument("--postgres", default="", help="an empty database, postgresql+asyncpg://...")
    given = parser.parse_args()
    for name, work in (("quota", quota), ("kills", kills), ("overhead", overhead)):
        if given.what in (None, name):
            work(given.postgres)


if __name__ == "__main__":
    main()

"""Jobs under kills, through the queue, and polled: ``python -m benchmarks.jobs [WHAT] [--postgres URL]``.

``kills``: encoding processes (with PostgreSQL: ``pixlean worker``) are killed 50 times and the server 20 times at
random moments under load; every accepted job must end once, every webhook arrive, every credit be counted once.
``queue``: the queue alone, its work stubbed: jobs a second, time to pick-up, time to redelivery after a kill.
``polls``: 1 000 status polls a second while two encodes run, with an empty table and with 100 000 finished jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import os
import random
import secrets
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from skimage import data as samples

from benchmarks.receiver import Receiver
from benchmarks.serving import Server

_SECRET = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
_HOOKS = {"WEBHOOK_ALLOW_HTTP": "true", "WEBHOOK_ALLOWED_NETS": "127.0.0.0/8", "WEBHOOK_SECRET": _SECRET,
          "WEBHOOK_BACKOFF_SECONDS": "1,1,1,1,1,1,1,1,1,1", "COMPRESSORIZE_PAID_RPM": "0",
          "MAX_QUEUE_DEPTH": "1000"}  # fmt: skip
_PICWISH = "/api/tasks/visual/imgcompress"


def _picture(width: int = 512) -> bytes:
    made = io.BytesIO()
    Image.fromarray(samples.astronaut()).resize((width, width)).save(made, "JPEG", quality=92)
    return made.getvalue()


class _Load:
    """Clients that hand in jobs and remember which were accepted; a lost connection is tried again."""

    def __init__(self, urls: list[str], receiver: Receiver, most_open: int = 24) -> None:
        self.urls, self.receiver, self.most_open = urls, receiver, most_open
        self.hooked: set[str] = set()
        self.counted: set[str] = set()
        self.over = threading.Event()
        self._picture = _picture()
        self._number = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        while not self.over.is_set():
            if len(self.hooked) - len({json.loads(one.body)["id"] for one in self.receiver.got}) > self.most_open:
                time.sleep(0.05)
                continue
            with self._lock:
                self._number += 1
                number = self._number
            try:
                self._hand_in(random.choice(self.urls), number)
            except (httpx.TransportError, httpx.TimeoutException):
                time.sleep(0.1)

    def _hand_in(self, url: str, number: int) -> None:
        # Every picture is another one: nothing comes from the cache.
        data = self._picture + number.to_bytes(8, "big")
        if number % 2:
            form = {"quality": "60", "webhook_url": self.receiver.url}
            large = data + b"\0" * (2 << 20)
            answer = httpx.post(f"{url}/api/v1/compress", files={"file": large}, data=form, timeout=30)
            if answer.status_code == 202:
                self.hooked.add(answer.json()["id"])
        else:
            answer = httpx.post(f"{url}{_PICWISH}", files={"image_file": data}, data={"quality": "60"}, timeout=30)
            if answer.status_code == 200:
                self.counted.add(answer.json()["data"]["task_id"])


def kills(postgres: str, worker_kills: int = 50, server_kills: int = 20) -> None:
    """Print what became of every accepted job."""
    import standardwebhooks

    receiver = Receiver()
    more = {"DATABASE_URL": postgres} if postgres else {}
    servers = [Server(role="api" if postgres else "all", **_HOOKS, **more)]
    if postgres:
        servers.append(Server(role="api", PIXLEAN_DATA_DIR=servers[0].data.name, **_HOOKS, **more))
    workers = [_worker(servers[0]) for _ in range(2)] if postgres else []
    load = _Load([server.url for server in servers], receiver)
    clients = [threading.Thread(target=load.run) for _ in range(4)]
    for client in clients:
        client.start()
    plan = ["worker"] * worker_kills + ["server"] * server_kills
    random.shuffle(plan)
    for what in plan:
        time.sleep(random.uniform(0.1, 1.2))
        if what == "server":
            victim = random.choice(servers)
            victim.kill()
            victim.start()
        elif postgres:
            at = random.randrange(len(workers))
            workers[at].kill()
            workers[at].wait()
            workers[at] = _worker(servers[0])
        else:
            _kill_a_child(servers[0])
    load.over.set()
    for client in clients:
        client.join()
    states = Counter(_end_of(servers[0], job_id) for job_id in sorted(load.hooked))
    tasks = Counter(_end_of_task(servers[0], task_id) for task_id in sorted(load.counted))
    for _ in range(600):
        told = Counter(json.loads(one.body)["id"] for one in receiver.got)
        if set(told) >= load.hooked:
            break
        time.sleep(0.1)
    for one in receiver.got:
        standardwebhooks.Webhook(_SECRET).verify(one.body, one.headers)
    bodies: dict[str, set[bytes]] = {}
    for one in receiver.got:
        bodies.setdefault(json.loads(one.body)["id"], set()).add(one.body)
    changed = sum(1 for found in bodies.values() if len(found) > 1)
    usage = json.loads(servers[0].pixlean("usage", "--json"))["usage"]
    counted = sum(row["used"] for row in usage if row["api"] == "picwish")
    print(f"kills, {'PostgreSQL' if postgres else 'SQLite'}: {worker_kills} of workers, {server_kills} of servers")
    print(f"  jobs accepted {len(load.hooked)}, ended {dict(states)}")
    print(f"  tasks accepted {len(load.counted)}, ended {dict(tasks)}, credits {counted}")
    print(f"  webhooks: {len(set(told) & load.hooked)} of {len(load.hooked)} jobs told, "
          f"{len(receiver.got)} deliveries, "
          f"all signatures valid, {changed} bodies changed")  # fmt: skip
    for worker in workers:
        worker.terminate()
        worker.wait()
    for server in servers:
        server.stop()
    receiver.stop()


def _worker(server: Server) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "pixlean.cli", "worker"], env=server.environment)


def _kill_a_child(server: Server) -> None:
    """Kill one of the server's encoding processes."""
    children = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_child(entry, server.process.pid)
    ]
    if children:
        os.kill(random.choice(children), signal.SIGKILL)


def _is_child(entry: Path, server_pid: int) -> bool:
    try:
        words = (entry / "cmdline").read_bytes()
        parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return False
    return b"pixlean.sandbox.child" in words and parent == server_pid


def _asked(server: Server, path: str) -> Any:
    for _ in range(100):
        try:
            return server.client.get(path).json()
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError("the server is gone")


def _end_of(server: Server, job_id: str) -> str:
    for _ in range(1200):
        status = _asked(server, f"/api/v1/status/{job_id}")
        if status.get("status") != "processing":
            if status.get("status") == "complete":
                file = server.client.get(f"/api/v1/download/{job_id}", follow_redirects=True)
                assert file.status_code == 200 and Image.open(io.BytesIO(file.content)).size == (512, 512)
            return str(status.get("status", status))
        time.sleep(0.1)
    return "lost"


def _end_of_task(server: Server, task_id: str) -> str:
    for _ in range(1200):
        data = _asked(server, f"{_PICWISH}/{task_id}").get("data", {})
        if data.get("state") not in (2, 4):
            return f"state {data.get('state')}"
        time.sleep(0.1)
    return "lost"


def queue(postgres: str, jobs: int = 2000) -> None:
    """Print the speed of the queue alone; the work is stubbed: a handler that only ends its job."""
    import tempfile

    from pixlean.domain.recipe import Recipe
    from pixlean.domain.task import Job, Kind, State, Ticket
    from pixlean.jobs.contract import Post, Queue
    from pixlean.jobs.postgresql import PostgresqlQueue
    from pixlean.jobs.rows import RowQueue
    from pixlean.jobs.store import Jobs, new_id
    from pixlean.state.database import Database
    from pixlean.state.settings import Settings

    async def story(folder: str) -> None:
        database = Database(Settings(folder=Path(folder), url=postgres))
        store = Jobs(database)
        line: Queue = PostgresqlQueue(store, postgres) if postgres else RowQueue(store)
        waited: list[float] = []

        async def accept() -> None:
            now = time.time()
            ticket = Ticket(api="b", key_id="k", recipe=Recipe(), keep_seconds=60)
            job = Job(id=new_id(), state=State.QUEUED, input_bytes=1, attempts=0, fence=0, due_at=now, created_at=now,
                      ticket=ticket)  # fmt: skip
            async with store.transaction() as connection:
                await store.add(connection, job)
                await line.announce(connection, Kind.COMPRESS, job.id)
            line.wake()

        async def handler(job: Job) -> None:
            waited.append(time.time() - job.created_at)
            async with store.transaction() as connection:
                await store.finish(connection, replace(job, state=State.DONE), keep_seconds=60, remember_seconds=60)

        running = asyncio.create_task(line.run((Post(takes=Job, slots=16, handler=handler),)))
        await asyncio.sleep(1)
        for label, rows in (("empty table", 0), ("100 000 finished jobs", 100_000)):
            if rows:
                await _fill(Path(folder), postgres, rows)
            waited.clear()
            for _ in range(100):
                await accept()
                await asyncio.sleep(0.03)
            await asyncio.sleep(1)
            alone = sorted(waited)
            started, before = time.perf_counter(), len(waited)
            await asyncio.gather(*(_many(accept, jobs // 8) for _ in range(8)))
            while len(waited) < before + jobs:
                await asyncio.sleep(0.02)
            rate = jobs / (time.perf_counter() - started)
            print(f"queue, {'PostgreSQL' if postgres else 'SQLite'}, work stubbed, {label}: {rate:.0f} jobs/s accepted "
                  f"and ended; pick-up p50 {1000 * alone[50]:.1f} ms, p95 {1000 * alone[94]:.1f} ms")  # fmt: skip
        await line.drain(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await database.close()

    async def _many(accept: Any, count: int) -> None:
        for _ in range(count):
            await accept()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(folder))


def redelivery(postgres: str, times: int = 5) -> None:
    """Print how long a job takes whose worker (without one: whose server) is killed while it works on it."""
    more = {"DATABASE_URL": postgres} if postgres else {}
    server = Server(role="api" if postgres else "all", **_HOOKS, **more)
    slow = io.BytesIO()
    Image.fromarray(samples.astronaut()).resize((2000, 2000)).save(slow, "PNG", compress_level=0)
    seconds = []
    for number in range(times):
        workers = [_worker(server)] if postgres else []
        form = {"format": "avif", "quality": str(60 + number)}
        job_id = server.client.post("/api/v1/compress", files={"file": slow.getvalue()}, data=form).json()["id"]
        while "pixlean_jobs_working 1" not in server.client.get("/metrics").text:
            time.sleep(0.05)
        time.sleep(0.3)
        killed = time.perf_counter()
        if postgres:
            workers[0].kill()
            workers[0] = _worker(server)
        else:
            server.kill()
            server.start()
        while (status := _asked(server, f"/api/v1/status/{job_id}"))["status"] == "processing":
            time.sleep(0.05)
        assert status["status"] == "complete", status
        seconds.append(time.perf_counter() - killed)
        for worker in workers:
            worker.terminate()
            worker.wait()
    print(f"redelivery and the work itself after a kill: median {statistics.median(seconds):.1f} s, "
          f"most {max(seconds):.1f} s")  # fmt: skip
    server.stop()


def polls(postgres: str, per_second: int = 1000, seconds: float = 10.0) -> None:
    """Print how long status polls take while two encodes run, before and after the table has filled."""
    server = Server(**_HOOKS, **({"DATABASE_URL": postgres} if postgres else {}))
    for label, rows in (("empty table", 0), ("100 000 finished jobs", 100_000)):
        if rows:
            asyncio.run(_fill(Path(server.data.name), postgres, rows))
        job_id = server.client.post("/api/v1/compress", files={"file": _picture()}).headers["x-job-id"]
        over = threading.Event()
        encoding = [threading.Thread(target=_encode, args=(server.url, over)) for _ in range(2)]
        for thread in encoding:
            thread.start()
        path = f"/api/v1/status/{job_id}"
        runs = [sorted(asyncio.run(_poll(server.port, path, per_second, seconds))) for _ in range(3)]
        over.set()
        for thread in encoding:
            thread.join()
        p50, p99 = (statistics.median(1000 * found[int(share * len(found))] for found in runs) for share in (0.5, 0.99))
        rate = statistics.median(len(found) / seconds for found in runs)
        print(f"polls, {'PostgreSQL' if postgres else 'SQLite'}, {label}: {rate:.0f} a second, "
              f"p50 {p50:.1f} ms, p99 {p99:.1f} ms (medians of 3)")  # fmt: skip
    server.stop()


def _encode(url: str, over: threading.Event) -> None:
    data = _picture(1500)
    number = 0
    while not over.is_set():
        number += 1
        httpx.post(f"{url}/v1/convert", files={"file": data + bytes([number % 256])}, data={"to": "avif"}, timeout=120)


async def _poll(port: int, path: str, per_second: int, seconds: float, connections: int = 20) -> list[float]:
    """An open loop: requests leave by the clock, whether or not the last one was answered in time."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    pause = connections / per_second
    taken: list[float] = []

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.perf_counter() + pause * number / connections
        for turn in range(int(seconds / pause)):
            due = began + turn * pause
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head[:100]
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(time.perf_counter() - due)
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return taken


async def _fill(folder: Path, postgres: str, rows: int) -> None:
    import msgspec
    from sqlalchemy import insert

    from pixlean.domain.recipe import Recipe
    from pixlean.domain.task import Ticket
    from pixlean.jobs.store import new_id
    from pixlean.state.database import Database
    from pixlean.state.schema import JOBS
    from pixlean.state.settings import Settings

    database = Database(Settings(folder=folder, url=postgres))
    ticket = msgspec.json.encode(Ticket(recipe=Recipe(), keep_seconds=60)).decode()
    now = time.time()
    for _ in range(rows // 5000):
        batch = [
            {"id": new_id(), "kind": "compress", "api": "compressorize", "key_id": "k", "state": "done",
             "ticket": ticket,
             "input_bytes": 1000, "attempts": 1, "fence": 1, "due_at": now, "created_at": now, "started_at": now,
             "completed_at": now + 1, "expires_at": now + 86_400, "forget_at": now + 86_400}
            for _ in range(5000)
        ]  # fmt: skip
        async with database.transaction() as connection:
            await connection.execute(insert(JOBS), batch)
    await database.close()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=("kills", "queue", "redelivery", "polls", "all"))
    parser.add_argument("--postgres", default="", help="an empty database, postgresql+asyncpg://...")
    given = parser.parse_args()
    for name, work in (("kills", kills), ("queue", queue), ("redelivery", redelivery), ("polls", polls)):
        if given.what in ("all", name):
            work(given.postgres)


if __name__ == "__main__":
    main()

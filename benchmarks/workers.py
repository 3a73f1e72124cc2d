"""Requests a second of ``WORKERS=1`` and more, on cache hits of one small picture: ``python -m benchmarks.workers``.

Two client processes speak raw HTTP over open connections, so that the clients cost less than the server. Both servers run all the
time and are measured in turns. The CPU time a request is told as well: unlike the rate it does not depend on who else is on the machine.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import select
import socket
import statistics
import time
from pathlib import Path

from benchmarks.serving import Server
from benchmarks.synthetic import photo

_CLIENTS = 2


def main(words: list[str] | None = None) -> int:
    """The command; the exit code is 1 where an answer was no cache hit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="compared with 1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=8, help="of each of the two clients")
    chosen = parser.parse_args(words)
    picture = _picture()
    servers = {number: Server(WORKERS=str(number), MAX_QUEUE_DEPTH="1000") for number in (1, chosen.workers)}
    rates: dict[int, list[float]] = {number: [] for number in servers}
    misses = 0
    try:
        for server in servers.values():
            server.client.post("/optimize", files={"file": ("x.jpg", picture)}).raise_for_status()
        for _ in range(chosen.rounds):
            for number, server in servers.items():
                before = _cpu_seconds(server.process.pid, number)
                answers, bad = _load(server.port, _request(picture), chosen.seconds, chosen.connections)
                spent = 1000 * (_cpu_seconds(server.process.pid, number) - before) / max(1, answers)
                misses += bad
                rates[number].append(answers / chosen.seconds)
                print(
                    f"WORKERS={number}: {answers / chosen.seconds:7.1f} requests/s, {spent:.2f} CPU-ms a request",
                    flush=True,
                )
    finally:
        for server in servers.values():
            server.stop()
    one, many = (statistics.median(values) for values in rates.values())
    print(f"medians {one:.0f} and {many:.0f}, {many / one:.2f} times as many; load average {os.getloadavg()[0]:.1f}")
    return 1 if misses else 0


def _picture() -> bytes:
    out = io.BytesIO()
    photo(64, 64).save(out, "JPEG", quality=90)
    return out.getvalue()


def _request(picture: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = head + picture + b"\r\n--b--\r\n"
    words = f"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"
    return words.encode() + body


def _cpu_seconds(pid: int, workers: int) -> float:
    """What the serving processes used, without encoders."""
    pids = [pid]
    if workers > 1:
        pids += [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    fields = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in pids]
    return sum(int(words[11]) + int(words[12]) for words in fields) / os.sysconf("SC_CLK_TCK")


def _load(port: int, request: bytes, seconds: float, connections: int) -> tuple[int, int]:
    """Answers, and how many of them were no cache hits."""
    tally: multiprocessing.Queue[tuple[int, int]] = multiprocessing.Queue()
    clients = [
        multiprocessing.Process(target=_client, args=(port, request, seconds, connections, tally))
        for _ in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    counts = [tally.get() for _ in clients]
    for client in clients:
        client.join()
    return sum(count[0] for count in counts), sum(count[1] for count in counts)


def _client(
    port: int, request: bytes, seconds: float, connections: int, tally: multiprocessing.Queue[tuple[int, int]]
) -> None:
    poll, ends, buffers = select.epoll(), {}, {}
    for _ in range(connections):
        end = socket.create_connection(("127.0.0.1", port))
        ends[end.fileno()], buffers[end.fileno()] = end, b""
        poll.register(end, select.EPOLLIN)
        end.sendall(request)
    answers = bad = 0
    over = time.perf_counter() + seconds
    while time.perf_counter() < over:
        for number, _ in poll.poll(0.1):
            buffers[number] += ends[number].recv(1 << 16)
            head, _, body = buffers[number].partition(b"\r\n\r\n")
            words = head.lower()
            length = int(words.partition(b"content-length: ")[2].partition(b"\r\n")[0] or -1)
            if length < 0 or len(body) < length:
                continue
            answers += 1
            bad += b"x-cache: hit" not in words
            buffers[number] = body[length:]
            ends[number].sendall(request)
    tally.put((answers, bad))


if __name__ == "__main__":
    raise SystemExit(main())

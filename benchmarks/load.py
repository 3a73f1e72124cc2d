"""Load a running server: ``python -m benchmarks.load [--url http://...] [--other http://...]``.

Closed loop with 1 to 64 clients, then an open loop at fixed rates; pictures of mixed sizes. With ``--other`` both servers
are measured in turns (A B A B). Without ``--url`` a server is started. HTML and JSON go to ``reports/``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.results import new_id, now
from benchmarks.serving import Server
from benchmarks.synthetic import photo

REPORTS = Path("reports")
_SIDES_PX = (200, 400, 800, 1200)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stretch of load on one server. Times in milliseconds, memory in MB."""

    server: str
    loop: str
    asked: float
    seconds: float
    answers: int
    per_second: float
    refused_share: float
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    health_p99_ms: float
    memory_mb: dict[str, list[float]] = field(default_factory=dict)


def main(words: list[str] | None = None) -> int:
    """The command; the exit code is 1 where a request failed other than by a refusal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--url", help="the server; one is started without it")
    parser.add_argument("--other", help="a second server, measured in turns with the first")
    parser.add_argument("--path", default="/optimize", help="the endpoint, of any dialect that takes a 'file'")
    parser.add_argument("--key", default="", help="shown as a bearer token")
    parser.add_argument(
        "--clients", type=_numbers, default=[1, 2, 4, 16, 64], help="of the closed loop, such as 1,4,16"
    )
    parser.add_argument("--rates", type=_numbers, default=[5, 20, 50], help="requests a second of the open loop")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each stage")
    parser.add_argument("--rounds", type=int, default=1, help="turns through all stages")
    parser.add_argument("--reports", type=Path, default=REPORTS)
    given = parser.parse_args(words)
    started = None if given.url else Server(CACHE_MAX_MB="0")
    servers = {"A": given.url or (started.url if started else "")}
    if given.other:
        servers["B"] = given.other
    pids = {"A": started.process.pid} if started else {}
    try:
        stages = asyncio.run(_all(servers, pids, given))
    finally:
        if started is not None:
            started.stop()
    number = new_id()
    report = {
        "id": number,
        "at": now(),
        "servers": servers,
        "path": given.path,
        "stages": [asdict(stage) for stage in stages],
    }
    given.reports.mkdir(parents=True, exist_ok=True)
    (given.reports / f"load-{number}.json").write_text(json.dumps(report, indent=1), "utf-8")
    page = given.reports / f"load-{number}.html"
    page.write_text(_page(report, stages), "utf-8")
    _show(stages)
    print(page)
    return 1 if any(stage.failures for stage in stages) else 0


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def pictures() -> list[bytes]:
    """JPEGs of several sizes; every request gets another one by a trailing number, so that no cache helps."""
    made = []
    for side in _SIDES_PX:
        out = io.BytesIO()
        photo(side, side * 3 // 4).save(out, "JPEG", quality=90)
        made.append(out.getvalue())
    return made


async def _all(servers: dict[str, str], pids: dict[str, int], given: argparse.Namespace) -> list[Stage]:
    plan = [("closed", clients) for clients in given.clients] + [("open", rate) for rate in given.rates]
    stages = []
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=len(plan) * len(servers) * given.rounds)
        for _ in range(given.rounds):
            for loop, asked in plan:
                for name, url in servers.items():
                    stages.append(await _stage(name, url, pids.get(name), loop, asked, given))
                    bar.advance(task)
    return stages


async def _stage(name: str, url: str, pid: int | None, loop: str, asked: int, given: argparse.Namespace) -> Stage:
    taken: list[float] = []
    statuses: list[int] = []
    health: list[float] = []
    memory: dict[str, list[float]] = {"server": [], "children": []}
    inputs, number = pictures(), 0
    headers = {"Authorization": f"Bearer {given.key}"} if given.key else {}
    began = time.perf_counter()
    end = began + given.seconds
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120), headers=headers
    ) as session:

        async def once(due: float | None = None) -> None:
            nonlocal number
            number += 1
            form = aiohttp.FormData()
            form.add_field("file", inputs[number % len(inputs)] + number.to_bytes(8, "big"), filename="x.jpg")
            started = due if due is not None else time.perf_counter()
            try:
                async with session.post(url + given.path, data=form) as answer:
                    await answer.read()
                    statuses.append(answer.status)
                    if answer.status < 400:
                        taken.append(time.perf_counter() - started)
                    elif answer.status == 503:
                        # A client that is refused waits as it is told, but for this bench not longer than a moment.
                        await asyncio.sleep(min(0.25, float(answer.headers.get("Retry-After", "1"))))
            except (aiohttp.ClientError, TimeoutError):
                statuses.append(0)

        watching = [
            asyncio.create_task(_watch_health(session, url, health)),
            asyncio.create_task(_watch_memory(pid, memory)),
        ]
        await (_closed(once, asked, end) if loop == "closed" else _open(once, asked, end))
        for watcher in watching:
            watcher.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    seconds = time.perf_counter() - began
    refused = statuses.count(503)
    return Stage(
        server=name, loop=loop, asked=asked, seconds=round(seconds, 2), answers=len(taken),
        per_second=round(len(taken) / seconds, 2), refused_share=round(refused / max(1, len(statuses)), 4),
        failures=sum(1 for status in statuses if status != 503 and not 200 <= status < 400),
        p50_ms=_share(taken, 0.5), p95_ms=_share(taken, 0.95), p99_ms=_share(taken, 0.99),
        health_p99_ms=_share(health, 0.99), memory_mb={name: values for name, values in memory.items() if values},
    )  # fmt: skip


async def _closed(once: Callable[[], Any], clients: int, end: float) -> None:
    async def client() -> None:
        while time.perf_counter() < end:
            await once()

    await asyncio.gather(*(client() for _ in range(clients)))


async def _open(once: Callable[[float], Any], rate: int, end: float) -> None:
    """Requests leave by the clock, whether or not the ones before were answered; times count from when they were due."""
    going: set[asyncio.Task[None]] = set()
    due = time.perf_counter()
    while due < end:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.ensure_future(once(due))
        going.add(task)
        task.add_done_callback(going.discard)
        due += 1 / rate
    await asyncio.gather(*going)


async def _watch_health(session: aiohttp.ClientSession, url: str, found: list[float]) -> None:
    while True:
        started = time.perf_counter()
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{url}/health") as answer:
                await answer.read()
                found.append(time.perf_counter() - started)
        await asyncio.sleep(0.1)


async def _watch_memory(pid: int | None, found: dict[str, list[float]]) -> None:
    """Proportional memory (PSS) of a server that was started here, and of its children together, every half second."""
    while pid is not None:
        found["server"].append(_pss_mb(pid))
        found["children"].append(round(sum(_pss_mb(child) for child in _below(pid)), 1))
        await asyncio.sleep(0.5)


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _below(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_below(child)]
    return found


def _share(values: list[float], share: float) -> float:
    if not values:
        return 0.0
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


_NAMES = (
    "server",
    "loop",
    "clients or rate",
    "answers/s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "refused",
    "failures",
    "/health p99 ms",
    "memory MB",
)


def _cells(stage: Stage) -> tuple[str, ...]:
    memory = ", ".join(f"{name} {max(values):.0f}" for name, values in stage.memory_mb.items())
    return (
        stage.server, stage.loop, f"{stage.asked:g}", f"{stage.per_second:.1f}", f"{stage.p50_ms:.1f}", f"{stage.p95_ms:.1f}",
        f"{stage.p99_ms:.1f}", f"{100 * stage.refused_share:.1f} %", str(stage.failures), f"{stage.health_p99_ms:.1f}", memory,
    )  # fmt: skip


def _show(stages: list[Stage]) -> None:
    table = Table(*_NAMES)
    for stage in stages:
        table.add_row(*_cells(stage))
    Console().print(table)


def _page(report: dict[str, Any], stages: list[Stage]) -> str:
    style = (Path(__file__).parent / "ui" / "report.css").read_text("utf-8")
    script = (Path(__file__).parent / "ui" / "report.js").read_text("utf-8")
    head = "".join(f"<th scope=col><button type=button>{html.escape(name)}</button></th>" for name in _NAMES)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(stage)) + "</tr>" for stage in stages
    )
    servers = ", ".join(f"{name}: {url}" for name, url in report["servers"].items())
    memory = "".join(
        f"<h3>{html.escape(stage.server)} {stage.loop} {stage.asked:g}: {html.escape(name)}</h3>{_line(values)}"
        for stage in stages
        for name, values in stage.memory_mb.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>pixlean load {report['id']}</title><style>{style}</style></head><body><main><h1>Load</h1>"
        f"<p>{html.escape(report['at'])}, {html.escape(report['path'])}, {html.escape(servers)}</p>"
        f"<div class=wide><table class=sortable><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<h2>{_compared(stages)}</h2><h2>Memory over time</h2>{memory}</main><script>{script}</script></body></html>"
    )


def _compared(stages: list[Stage]) -> str:
    """The ratio of the two servers' throughput, stage by stage."""
    pairs: dict[tuple[str, float], dict[str, list[float]]] = {}
    for stage in stages:
        pairs.setdefault((stage.loop, stage.asked), {}).setdefault(stage.server, []).append(stage.per_second)
    ratios = [
        statistics.median(both["A"]) / statistics.median(both["B"])
        for both in pairs.values()
        if "B" in both and statistics.median(both["B"])
    ]
    return (
        f"A answers {statistics.median(ratios):.2f} times as many as B (median of the stages)"
        if ratios
        else "One server"
    )


def _line(values: list[float]) -> str:
    most = max(values) or 1
    points = " ".join(
        f"{320 * n / max(1, len(values) - 1):.1f},{62 - 56 * value / most:.1f}" for n, value in enumerate(values)
    )
    return f'<svg viewBox="0 0 320 66" role="img" aria-label="{min(values):.0f} to {most:.0f} MB"><polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="2"/></svg><p>{min(values):.0f} to {most:.0f} MB</p>'


if __name__ == "__main__":
    sys.exit(main())

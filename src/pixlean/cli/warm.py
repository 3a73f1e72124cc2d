"""``pixlean warm``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pixlean.cli.options import STREAM
from pixlean.cli.say import Exit, complain, fail, why

# What browsers that show these formats send for an image.
_ACCEPTS = {
    "avif": "image/avif,image/webp,image/apng,image/*,*/*;q=0.8",
    "webp": "image/webp,image/*,*/*;q=0.8",
    "plain": "*/*",
}
_MOST_TRIES = 8
_MOST_PAUSE_SECONDS = 30.0
_ANSWER_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class _Asked:
    url: str
    accept: str
    status: int
    problem: str = ""


def warm(
    urls: Path,
    /,
    *,
    base: Annotated[str, Parameter(name="--base")] = "",
    accepts: Annotated[str, Parameter(name="--accepts")] = "avif,webp,plain",
    jobs: Annotated[int, Parameter(name=["--jobs", "-j"])] = 4,
) -> None:
    """Ask a server for pictures by URL, so that they are made before anybody waits for them.

    Parameters
    ----------
    urls
        A file with one URL or path a line, such as pixlean sign prints them; - reads standard input.
    base
        What paths begin with, such as https://images.example.com. Default: the server of PORT on this machine.
    accepts
        For which browsers, comma-separated: avif, webp, plain.
    jobs
        Requests at a time.
    """
    kinds = tuple(filter(None, accepts.split(",")))
    if not kinds or any(kind not in _ACCEPTS for kind in kinds):
        fail(f"--accepts takes {', '.join(_ACCEPTS)}")
    try:
        text = sys.stdin.read() if str(urls) == STREAM else urls.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{urls} can't be read: {why(error) if isinstance(error, OSError) else 'it is not UTF-8'}")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    start = base.rstrip("/") or _here()
    wanted = [
        (line if "://" in line else f"{start}/{line.lstrip('/')}", _ACCEPTS[kind]) for line in lines for kind in kinds
    ]
    failed = asyncio.run(_run(wanted, max(1, jobs)))
    print(f"{len(wanted) - failed} of {len(wanted)} answers are ready")
    raise SystemExit(Exit.FAILED if failed else Exit.OK)


def _here() -> str:
    from pixlean.config import Server, SettingsError, read

    try:
        return f"http://127.0.0.1:{read((Server,)).environment.of(Server).port}"
    except SettingsError as error:
        fail(str(error), hint="docs/settings.md has them all")


async def _run(wanted: list[tuple[str, str]], jobs: int) -> int:
    failed = 0
    async for asked in _answers(wanted, jobs):
        if asked.status != 200:
            failed += 1
            complain(asked.problem or f"status {asked.status}", about=asked.url)
    return failed


async def _answers(wanted: list[tuple[str, str]], jobs: int) -> AsyncIterator[_Asked]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    slots = asyncio.Semaphore(jobs)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask(url: str, accept: str) -> _Asked:
            async with slots:
                for _ in range(_MOST_TRIES):
                    try:
                        async with session.get(url, headers={"Accept": accept}) as answer:
                            await answer.read()
                            status, later = answer.status, answer.headers.get("Retry-After", "1")
                            # The original went out since the server was busy: nothing was made yet.
                            if status not in (429, 503) and "X-Pixlean-Original" not in answer.headers:
                                return _Asked(url=url, accept=accept, status=status)
                    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                        return _Asked(url=url, accept=accept, status=0, problem=f"no answer: {type(error).__name__}")
                    await asyncio.sleep(min(float(later) if later.isdigit() else 1.0, _MOST_PAUSE_SECONDS))
            return _Asked(url=url, accept=accept, status=503, problem="the server is busy")

        for task in asyncio.as_completed([ask(url, accept) for url, accept in wanted]):
            yield await task

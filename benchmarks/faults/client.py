"""The good client: an open loop that decodes every answer, beside a probe of ``/health`` each 50 ms."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import lru_cache

import aiohttp
from PIL import Image

from benchmarks.synthetic import photo

_SIDE_PX = 240
_PROBE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One request of the good client: when it began, what came of it; status 0 where nothing did."""

    at: float
    number: int
    status: int
    seconds: float
    is_good: bool
    has_retry_after: bool = False


@dataclass
class Record:
    """Everything that was seen; times are of ``time.monotonic``."""

    answers: list[Answer] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    lost_probes: int = 0


@lru_cache(maxsize=1)
def _ground() -> Image.Image:
    return photo(_SIDE_PX, _SIDE_PX)


def picture(number: int) -> bytes:
    """A small JPEG that is another for each number, so that no cache knows it."""
    image = _ground().copy()
    image.putpixel((number % _SIDE_PX, number // _SIDE_PX % _SIDE_PX), (number % 251, number % 241, number % 239))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


async def ask(session: aiohttp.ClientSession, url: str, number: int, key: str = "") -> Answer:
    """Have one picture made smaller, and look at what comes back."""
    form = aiohttp.FormData()
    form.add_field("file", await asyncio.to_thread(picture, number), filename="a.jpg")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    began = time.monotonic()
    try:
        async with session.post(f"{url}/optimize", data=form, headers=headers) as answer:
            data = await answer.read()
            good = answer.status == 200 and await asyncio.to_thread(_is_whole, data)
            return Answer(
                at=began, number=number, status=answer.status, seconds=time.monotonic() - began, is_good=good,
                has_retry_after="Retry-After" in answer.headers,
            )  # fmt: skip
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Answer(at=began, number=number, status=0, seconds=time.monotonic() - began, is_good=False)


def _is_whole(data: bytes) -> bool:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image.size == (_SIDE_PX, _SIDE_PX)


@contextlib.asynccontextmanager
async def session_of(seconds: float = 60.0) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a bound of its own on connections."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        yield session


@contextlib.asynccontextmanager
async def watching(
    url: Callable[[], str], per_second: float, record: Record, *, first: int = 0, key: str = ""
) -> AsyncIterator[None]:
    """Ask at a fixed rate, whatever comes back, and probe, until the block ends; then wait for what is still open."""
    over = asyncio.Event()
    async with session_of() as session:
        open_requests: set[asyncio.Task[None]] = set()

        async def one(number: int) -> None:
            record.answers.append(await ask(session, url(), number, key))

        async def loop() -> None:
            number, started = first, time.monotonic()
            while not over.is_set():
                task = asyncio.create_task(one(number))
                open_requests.add(task)
                task.add_done_callback(open_requests.discard)
                number += 1
                await asyncio.sleep(max(0.0, started + (number - first) / per_second - time.monotonic()))

        async def probe() -> None:
            while not over.is_set():
                began = time.monotonic()
                try:
                    async with session.get(f"{url()}/health", timeout=aiohttp.ClientTimeout(total=5)) as answer:
                        await answer.read()
                    record.probes.append(time.monotonic() - began)
                except (aiohttp.ClientError, TimeoutError, OSError):
                    record.lost_probes += 1
                await asyncio.sleep(_PROBE_SECONDS)

        watchers = [asyncio.create_task(loop()), asyncio.create_task(probe())]
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(*watchers)
            await asyncio.gather(*open_requests)

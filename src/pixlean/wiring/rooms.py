"""One column that builds everything that works: what a server and a worker have in common."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixlean.access import rate
from pixlean.access import settings as access
from pixlean.access.links import Links
from pixlean.access.vault import Vault
from pixlean.config import Environment
from pixlean.domain.budget import ByteBudget
from pixlean.domain.errors import Unavailable
from pixlean.domain.task import Job, Notice
from pixlean.jobs.contract import Post
from pixlean.outbound import settings as outbound
from pixlean.outbound.fetch import Fetcher
from pixlean.outbound.webhook import WebhookSender
from pixlean.sandbox import pool as sandbox
from pixlean.service import gate, sweep
from pixlean.service import settings as service
from pixlean.service.compress import Compress
from pixlean.service.fulfil import Fulfil
from pixlean.service.notify import Notify
from pixlean.service.pictures import Pictures
from pixlean.service.results import Results
from pixlean.service.submit import Submit
from pixlean.service.words import Words
from pixlean.service.workshop import Workshop
from pixlean.share.board import Seat
from pixlean.state import settings as state
from pixlean.storage import settings as storage
from pixlean.storage.blobs import Blobs
from pixlean.storage.cache import ResultCache, Total
from pixlean.storage.shelves import BucketSources, ShelfReader
from pixlean.web import settings as web
from pixlean.wiring.accounts import Accounts, open_accounts
from pixlean.wiring.dialects import dialects
from pixlean.wiring.ending import Ending
from pixlean.wiring.environment import caged
from pixlean.wiring.shares import Shares, open_shares

# Jobs that may wait for their origin, or for a slot, beside those at work: a slow origin holds no slot.
_FETCHED_AHEAD = 8
_CANCEL_SECONDS = 3.0
_WEBHOOKS_AT_A_TIME = 64
_log = logging.getLogger("pixlean")


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """Everything that works on pictures and jobs."""

    accounts: Accounts
    pool: sandbox.Pool
    gate: gate.Gate
    limiter: rate.RateLimiter
    workshop: Workshop
    cache: ResultCache | None
    compress: Compress
    public_fetcher: Fetcher
    pictures: Pictures
    webhooks: WebhookSender
    blobs: Blobs
    submit: Submit
    results: Results
    notify: Notify


@contextlib.asynccontextmanager
async def open_rooms(
    environment: Environment,
    *,
    serves_jobs: bool,
    seat: Seat | None = None,
    budget: ByteBudget | None = None,
    ending: Ending | None = None,
) -> AsyncIterator[Rooms]:
    """Open everything, do jobs in the background where wanted, and end in order: jobs first, children last.

    With a ``seat`` this is one of several processes, and the supervisor has begun for all.
    """
    accounts = open_accounts(environment)
    if seat is None:
        await begin(accounts)
    with open_shares(environment, seat) as shares:
        async with _open(
            environment, accounts, shares, serves_jobs=serves_jobs, budget=budget, ending=ending or Ending()
        ) as rooms:
            yield rooms


@contextlib.asynccontextmanager
async def _open(
    environment: Environment,
    accounts: Accounts,
    shares: Shares,
    *,
    serves_jobs: bool,
    budget: ByteBudget | None,
    ending: Ending,
) -> AsyncIterator[Rooms]:
    caging, work, paths = caged(environment), environment.of(service.Settings), environment.of(outbound.Settings)
    pool = sandbox.Pool(caging, shares.budget)
    await pool.start()
    limiter = rate.RateLimiter(environment.of(access.Settings), shares.tally)
    entrance = gate.Gate(work.gate(caging.slots), shares.slots, shares.places)
    most_bytes = environment.of(web.Settings).max_file_bytes
    words = {dialect.name: dialect.webhooks for dialect in dialects(environment) if dialect.webhooks is not None}
    stores, folder = environment.of(storage.Settings), environment.of(state.Settings).folder
    reader = ShelfReader(stores.stores, most_bytes)
    buckets = BucketSources(reader, stores.readable_buckets) if stores.readable_buckets else None
    try:
        async with (
            Fetcher(paths.callers(most_bytes), budget, buckets) as fetcher,
            Fetcher(paths.callers(most_bytes, any_scheme=True), budget, buckets) as public_fetcher,
            WebhookSender(paths.webhooks()) as sender,
        ):
            workshop = Workshop(
                pool=pool, gate=entrance, fetcher=fetcher, slots=shares.slots,
                limits=work.limits(),
            )  # fmt: skip
            cache = await asyncio.to_thread(_cache, folder / "cache", stores.cache_bytes, shares.cache_total)
            compress = Compress(workshop, cache, shares.twins)
            pictures = await asyncio.to_thread(_pictures, environment, compress, fetcher, reader, shares.pictures_total)
            own = Blobs(stores.blobs(folder), shares.stored_total)
            jobs, queue = accounts.jobs, accounts.queue
            rooms = Rooms(
                accounts=accounts, pool=pool, gate=entrance, limiter=limiter, workshop=workshop, cache=cache,
                compress=compress, public_fetcher=public_fetcher, pictures=pictures, webhooks=sender, blobs=own,
                submit=Submit(jobs, queue, own, compress, accounts.ledger, work.submit(caging.slots)),
                results=Results(jobs, own, Links(Vault(accounts.database))),
                notify=Notify(jobs, sender, accounts.keys, words, work.notify()),
            )  # fmt: skip
            _drain_when(ending, rooms)
            async with (
                contextlib.aclosing(pictures),
                _background(rooms, words, caging.slots, shares, ending, serves_jobs=serves_jobs),
            ):
                yield rooms
    finally:
        entrance.draining = True
        await pool.stop()
        await limiter.close()
        await accounts.database.close()


@contextlib.asynccontextmanager
async def _background(
    rooms: Rooms, words: Mapping[str, Words], slots: int, shares: Shares, ending: Ending, *, serves_jobs: bool
) -> AsyncIterator[None]:
    """Sweep, and do jobs where wanted; at the end what is at work may finish."""
    accounts = rooms.accounts
    tasks = []
    if shares.is_first:  # one that sweeps is enough
        sweeper = sweep.Sweep(sweep.Settings(), rooms.blobs, accounts.ledger, accounts.jobs, accounts.queue)
        tasks.append(asyncio.create_task(sweeper.run()))
    if serves_jobs:
        fulfil = Fulfil(
            accounts.jobs, accounts.queue, rooms.blobs, rooms.compress, rooms.public_fetcher, accounts.ledger, words
        )
        posts = (
            Post(takes=Job, slots=math.ceil((slots + _FETCHED_AHEAD) / shares.processes), handler=fulfil),
            Post(takes=Notice, slots=math.ceil(_WEBHOOKS_AT_A_TIME / shares.processes), handler=rooms.notify),
        )
        tasks.append(asyncio.create_task(accounts.queue.run(posts)))
    try:
        yield
    finally:
        await accounts.queue.drain(ending.seconds_left())
        for task in tasks:
            task.cancel()
        # What does not end by being cancelled is left: its lease runs out.
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        await accounts.queue.close()


def _drain_when(ending: Ending, rooms: Rooms) -> None:
    """Take nothing more from the first signal on: jobs drain while requests do, not after them."""
    loop, draining = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def begin() -> None:
        rooms.gate.draining = True
        draining.add(loop.create_task(rooms.accounts.queue.drain(ending.seconds_left())))

    ending.tell(lambda: loop.call_soon_threadsafe(begin))


async def begin(accounts: Accounts) -> None:
    """Take the folder, give back what a dead server held, and say whether anybody may come in."""
    database = accounts.database
    if database.embedded:
        try:
            database.lock_folder()
        except OSError as error:
            _log.error("keys, usage and jobs can't be kept: %s", error)
    try:
        if database.is_locked:
            await accounts.ledger.refund_lost(all_held=True)
            await accounts.jobs.reopen_all()
        if await accounts.keys.in_dev_mode():
            _log.warning(
                "dev mode: everybody who reaches this port may use it; set API_KEY or run: pixlean keys create"
            )
    except Unavailable as error:
        _log.error("%s", error.message)


def _pictures(
    environment: Environment, compress: Compress, fetcher: Fetcher, reader: ShelfReader, total: Total | None
) -> Pictures:
    settings = environment.of(service.Settings).pictures()
    kept = None
    if settings.shelves:
        folder = environment.of(state.Settings).folder / "pictures"
        kept = _cache(folder, environment.of(storage.Settings).pictures_bytes, total)
    return Pictures(settings, compress, fetcher, reader, kept)


def _cache(folder: Path, most_bytes: int, total: Total | None) -> ResultCache | None:
    if not most_bytes:
        return None
    try:
        return ResultCache(folder, most_bytes, total)
    except OSError as error:
        _log.warning("results are not cached: %s can't be written to (%s)", folder, error.strerror)
        return None

"""One column that builds everything that works: what a server and a worker have in common."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from pixlean.access import rate
from pixlean.access.links import Links
from pixlean.access.vault import Vault
from pixlean.config import Environment
from pixlean.domain.errors import Unavailable
from pixlean.domain.task import Kind
from pixlean.jobs.contract import Post
from pixlean.outbound.fetch import Fetcher
from pixlean.outbound.webhook import WebhookSender
from pixlean.sandbox import pool as sandbox
from pixlean.service import gate, sweep
from pixlean.service.compress import Compress
from pixlean.service.fulfil import Fulfil
from pixlean.service.notify import Notify
from pixlean.service.results import Results
from pixlean.service.submit import Submit
from pixlean.service.words import Words
from pixlean.service.workshop import Workshop
from pixlean.storage.blobs import Blobs
from pixlean.storage.cache import ResultCache
from pixlean.wiring import settings as from_environment
from pixlean.wiring.accounts import Accounts, open_accounts

_DRAIN_SECONDS = 30.0
_WEBHOOKS_AT_A_TIME = 8
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
    webhooks: WebhookSender
    blobs: Blobs
    submit: Submit
    results: Results
    notify: Notify


@contextlib.asynccontextmanager
async def open_rooms(environment: Environment, words: Words, *, serves_jobs: bool) -> AsyncIterator[Rooms]:
    """Open everything, do jobs in the background where wanted, and end in order: jobs first, children last."""
    accounts = open_accounts(environment)
    await _begin(accounts)
    pool = sandbox.Pool(from_environment.sandbox_settings(environment))
    await pool.start()
    limiter = rate.RateLimiter(from_environment.rate_settings(environment))
    entrance = gate.Gate(gate.Settings(slots=environment.slots, depth=environment.depth))
    most_bytes = from_environment.web_settings(environment).max_file_bytes
    try:
        async with (
            Fetcher(from_environment.fetch_settings(environment, most_bytes)) as fetcher,
            Fetcher(from_environment.fetch_settings(environment, most_bytes, any_scheme=True)) as public_fetcher,
            WebhookSender(from_environment.webhook_settings(environment)) as sender,
        ):
            workshop = Workshop(
                pool=pool, gate=entrance, fetcher=fetcher, slots=asyncio.Semaphore(environment.slots),
                limits=from_environment.limits(environment.MAX_IMAGE_PIXELS),
            )  # fmt: skip
            cache = await asyncio.to_thread(_cache, environment)
            compress = Compress(workshop, cache)
            own = Blobs(from_environment.blob_settings(environment))
            jobs, queue = accounts.jobs, accounts.queue
            rooms = Rooms(
                accounts=accounts, pool=pool, gate=entrance, limiter=limiter, workshop=workshop, cache=cache,
                compress=compress, public_fetcher=public_fetcher, webhooks=sender, blobs=own,
                submit=Submit(
                    jobs, queue, own, compress, accounts.ledger, from_environment.submit_settings(environment)
                ),
                results=Results(jobs, own, Links(Vault(accounts.database))),
                notify=Notify(jobs, sender, accounts.keys, from_environment.notify_settings(environment)),
            )  # fmt: skip
            async with _background(rooms, words, environment, serves_jobs=serves_jobs):
                yield rooms
    finally:
        entrance.draining = True
        await pool.stop()
        await limiter.close()
        await accounts.database.close()


@contextlib.asynccontextmanager
async def _background(
    rooms: Rooms, words: Words, environment: Environment, *, serves_jobs: bool
) -> AsyncIterator[None]:
    """Sweep, and do jobs where wanted; at the end what is at work may finish."""
    accounts = rooms.accounts
    sweeper = sweep.Sweep(sweep.Settings(), rooms.blobs, accounts.ledger, accounts.jobs, accounts.queue)
    tasks = [asyncio.create_task(sweeper.run())]
    if serves_jobs:
        fulfil = Fulfil(
            accounts.jobs, accounts.queue, rooms.blobs, rooms.compress, rooms.public_fetcher, accounts.ledger, words
        )
        posts = (
            Post(kind=Kind.COMPRESS, slots=environment.slots, handler=fulfil),
            Post(kind=Kind.WEBHOOK, slots=_WEBHOOKS_AT_A_TIME, handler=rooms.notify),
        )
        tasks.append(asyncio.create_task(accounts.queue.run(posts)))
    try:
        yield
    finally:
        await accounts.queue.drain(_DRAIN_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await accounts.queue.close()


async def _begin(accounts: Accounts) -> None:
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
        if not accounts.keys.has_house_key and not await accounts.keys.any_stored():
            _log.error("dev mode: everybody who reaches this port may use it; set API_KEY or run: pixlean keys create")
    except Unavailable as error:
        _log.error("%s", error.message)


def _cache(environment: Environment) -> ResultCache | None:
    if not environment.CACHE_MAX_MB:
        return None
    try:
        return ResultCache(Path(environment.PIXLEAN_DATA_DIR) / "cache", environment.CACHE_MAX_MB << 20)
    except OSError as error:
        _log.error("results are not cached: %s can't be written to (%s)", environment.PIXLEAN_DATA_DIR, error.strerror)
        return None

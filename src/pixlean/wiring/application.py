"""The server's application, and the worker."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from pixlean.config import Environment
from pixlean.domain.task import Job
from pixlean.outbound.fetch import Fetcher
from pixlean.service import models
from pixlean.service.backlog import Backlog
from pixlean.service.deliver import Deliver
from pixlean.service.estimate import EstimateSavings
from pixlean.service.outputs import Outputs
from pixlean.storage import objects
from pixlean.web import contract as web
from pixlean.web.app import create_app
from pixlean.web.dialects import compressorize
from pixlean.web.observe import Metrics, Reading, log_request, start_logging
from pixlean.web.trace import tracer_if
from pixlean.wiring import settings as from_environment
from pixlean.wiring.rooms import Rooms, open_rooms

_log = logging.getLogger("pixlean")


def build(environment: Environment, *, serves_jobs: bool = True) -> FastAPI:
    """The application for these settings; with ``serves_jobs`` it also does the jobs that it accepts."""
    start_logging(environment.LOG_LEVEL)
    settings = from_environment.web_settings(environment)
    metrics = Metrics()
    tracer = tracer_if(environment.traces, _log.error)
    _warn(environment)

    @asynccontextmanager
    async def open_services() -> AsyncIterator[web.Services]:
        try:
            async with (
                open_rooms(environment, webhook_words, serves_jobs=serves_jobs) as rooms,
                Fetcher(from_environment.model_fetch_settings(environment)) as model_fetcher,
            ):
                backlog = Backlog(rooms.accounts.jobs)
                metrics.watch(_readings(rooms, backlog))
                yield web.Services(
                    settings=settings,
                    gate=rooms.gate,
                    limiter=rooms.limiter,
                    keys=rooms.accounts.keys,
                    ledger=rooms.accounts.ledger,
                    database=rooms.accounts.database,
                    compress=rooms.compress,
                    estimate=EstimateSavings(rooms.workshop),
                    models=models.Models(from_environment.model_settings(environment), model_fetcher),
                    deliver=Deliver(objects.ObjectStores(from_environment.storage_settings(environment))),
                    outputs=Outputs(rooms.compress, rooms.public_fetcher, rooms.blobs),
                    public_fetcher=rooms.public_fetcher,
                    webhooks=rooms.webhooks,
                    submit=rooms.submit,
                    results=rooms.results,
                    backlog=backlog,
                    status=web.Status(tools=rooms.pool.tools, versions=rooms.pool.versions, sandbox=rooms.pool.layers),
                )
                rooms.gate.draining = True
        finally:
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

    observers = (log_request,) if tracer is None else (log_request, tracer)
    return create_app(open_services, settings, metrics, observers)


async def run_worker(environment: Environment) -> None:
    """Do jobs until SIGTERM or SIGINT; what is at work then may finish."""
    start_logging(environment.LOG_LEVEL)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with open_rooms(environment, webhook_words, serves_jobs=True):
        await over.wait()


def webhook_words(job: Job) -> Mapping[str, Any]:
    """A job's end in the words of its API; Compressorize's is the only one with webhooks."""
    return compressorize.show_ended(job)


def _readings(rooms: Rooms, backlog: Backlog) -> tuple[Reading, ...]:
    pool, limiter, compress, notify = rooms.pool, rooms.limiter, rooms.compress, rooms.notify
    jobs, cache = rooms.accounts.jobs, rooms.cache
    return (
        Reading("queue_depth", "Requests that work or wait.", lambda: rooms.gate.inside),
        Reading("children_waiting", "Children that are ready.", lambda: pool.waiting),
        Reading("children_died", "Children that died at work.", lambda: pool.died, grows=True),
        Reading("children_timed_out", "Children ended for time.", lambda: pool.timed_out, grows=True),
        Reading("rate_fail_opens", "Passed without Redis.", lambda: limiter.fail_opens, grows=True),
        Reading("cache_hits", "Results from the cache.", lambda: compress.hits, grows=True),
        Reading("cache_misses", "Results made anew.", lambda: compress.misses, grows=True),
        Reading("cache_bytes", "Size of the cache.", lambda: cache.total_bytes if cache else 0),
        Reading("jobs_waiting", "Jobs that wait, of all servers.", lambda: backlog.summary.waiting),
        Reading("jobs_working", "Jobs at work, of all servers.", lambda: backlog.summary.working),
        Reading("jobs_oldest_seconds", "Age of the oldest open job.", lambda: backlog.summary.oldest_seconds),
        Reading("job_attempts", "Attempts at jobs and webhooks here.", lambda: jobs.attempts, grows=True),
        Reading("webhooks_waiting", "Webhooks that wait for a try.", lambda: backlog.summary.webhooks_waiting),
        Reading("webhooks_given_up", "Webhooks that were given up.", lambda: backlog.summary.webhooks_failed),
        Reading("webhook_failures", "Tries here that no receiver took.", lambda: notify.failures, grows=True),
        Reading("webhooks_delivered", "Webhooks delivered here.", lambda: notify.delivered, grows=True),
    )


def _warn(environment: Environment) -> None:
    """Say what an operator should know: settings that have no effect, and what strangers could do."""
    if environment.WORKERS > 1:
        _log.error("WORKERS=%d: one server process is started; COMPRESSION_SEMAPHORE_SIZE is how many pictures are "
                   "encoded at a time", environment.WORKERS)  # fmt: skip
    if environment.JPEG_ENCODER:
        _log.error("JPEG_ENCODER has no effect: JPEGs are always written by jpegli")
    stores = (environment.STORAGE_FILE_ROOT, environment.GOOGLE_APPLICATION_CREDENTIALS, environment.AWS_ENDPOINT_URL,
              environment.STORAGE_EMULATOR_HOST, environment.AWS_ACCESS_KEY_ID)  # fmt: skip
    guarded = environment.API_KEY.get_secret_value() or environment.STORAGE_ALLOWED_BUCKETS
    if any(stores) and not guarded:
        _log.error("storage can be written to by anybody who reaches this port: set API_KEY or STORAGE_ALLOWED_BUCKETS")

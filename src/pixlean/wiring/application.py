"""The server's application, and the worker."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette

from pixlean.access import settings as access
from pixlean.config import Environment, Server
from pixlean.domain.budget import ByteBudget
from pixlean.outbound import settings as outbound
from pixlean.sandbox.pool import Pool
from pixlean.service.backlog import Backlog
from pixlean.service.deliver import Deliver
from pixlean.service.estimate import EstimateSavings
from pixlean.service.look import Look
from pixlean.service.outputs import Outputs
from pixlean.share.board import Cell, Seat
from pixlean.share.exchange import Exchange
from pixlean.storage import objects
from pixlean.storage import settings as storage
from pixlean.web import settings as web
from pixlean.web.app import create_app
from pixlean.web.contract import Services, Status
from pixlean.web.merge import grown
from pixlean.web.observe import Metrics, Reading, log_request, start_logging
from pixlean.web.trace import tracer_if
from pixlean.wiring.dialects import dialects
from pixlean.wiring.ending import Ending
from pixlean.wiring.rooms import Rooms, open_rooms
from pixlean.wiring.shares import upload_budget

_log = logging.getLogger("pixlean")


def build(
    environment: Environment, *, serves_jobs: bool = True, seat: Seat | None = None, ending: Ending | None = None
) -> Starlette:
    """The application for these settings; with ``serves_jobs`` it also does the jobs that it accepts.

    ``seat`` where it is one of several processes of a server.
    """
    start_logging(environment.of(Server).log_level)
    budget = upload_budget(environment, seat)
    settings = replace(environment.of(web.Settings), budget=budget)
    metrics = Metrics()
    tracer = tracer_if(environment.traces, _log.error)
    if seat is None:
        warn(environment)

    @asynccontextmanager
    async def open_services() -> AsyncIterator[Services]:
        try:
            async with open_rooms(
                environment, serves_jobs=serves_jobs, seat=seat, budget=budget, ending=ending
            ) as rooms:
                backlog = Backlog(rooms.accounts.jobs)
                estimate = EstimateSavings(rooms.workshop, rooms.compress)
                metrics.watch(_readings(rooms, backlog, budget))
                services = Services(
                    settings=settings,
                    outbound=environment.of(outbound.Settings),
                    gate=rooms.gate,
                    limiter=rooms.limiter,
                    keys=rooms.accounts.keys,
                    ledger=rooms.accounts.ledger,
                    database=rooms.accounts.database,
                    compress=rooms.compress,
                    estimate=estimate,
                    look=Look(rooms.workshop, estimate),
                    deliver=Deliver(objects.ObjectStores(environment.of(storage.Settings).objects())),
                    outputs=Outputs(rooms.compress, rooms.public_fetcher, rooms.blobs),
                    public_fetcher=rooms.public_fetcher,
                    pictures=rooms.pictures,
                    picture_signatures=environment.of(access.Settings).picture_signatures,
                    webhooks=rooms.webhooks,
                    submit=rooms.submit,
                    results=rooms.results,
                    backlog=backlog,
                    status=lambda: _status(rooms.pool),
                )
                async with _seated(seat, metrics):
                    yield services
                rooms.gate.draining = True
        finally:
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

    observers = (log_request,) if tracer is None else (log_request, tracer)
    return create_app(open_services, dialects(environment), settings, metrics, observers)


@asynccontextmanager
async def _seated(seat: Seat | None, metrics: Metrics) -> AsyncIterator[None]:
    """Tell the other processes of this server what is counted here, and that it serves."""
    if seat is None:
        yield
        return
    exchange = Exchange(seat, metrics.text, grown)
    metrics.join(exchange)
    async with exchange.running():
        seat.board.write(seat.row, Cell.READY, 1)
        try:
            yield
        finally:
            seat.board.write(seat.row, Cell.READY, 0)


async def run_worker(environment: Environment) -> None:
    """Do jobs until SIGTERM or SIGINT; what is at work then may finish."""
    start_logging(environment.of(Server).log_level)
    over, ending = asyncio.Event(), Ending()
    ending.tell(over.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.begin)
    async with open_rooms(environment, serves_jobs=True, ending=ending):
        await over.wait()


def _status(pool: Pool) -> Status:
    """How the encoding processes are now: they are replaced while the server runs, and each proves itself anew."""
    return Status(tools=pool.tools, versions=pool.versions, sandbox=pool.layers, works=pool.is_ready)


def _readings(rooms: Rooms, backlog: Backlog, budget: ByteBudget) -> tuple[Reading, ...]:
    pool, limiter, compress, notify = rooms.pool, rooms.limiter, rooms.compress, rooms.notify
    jobs, cache = rooms.accounts.jobs, rooms.cache
    return (
        Reading("queue_depth", "Requests that work or wait.", lambda: rooms.gate.inside, of_all=True),
        Reading("held_bytes", "Bytes of uploads and fetched files in memory.", lambda: budget.held_bytes, of_all=True),
        Reading("children_waiting", "Children that are ready.", lambda: pool.waiting),
        Reading("children_died", "Children that died at work.", lambda: pool.died, grows=True),
        Reading("children_retried", "Pictures given to a second child.", lambda: pool.retried, grows=True),
        Reading("children_timed_out", "Children ended for time.", lambda: pool.timed_out, grows=True),
        Reading(
            "rate_fail_opens",
            "Limits counted in this server, because Redis did not answer.",
            lambda: limiter.fail_opens,
            grows=True,
        ),
        Reading("cache_hits", "Results from the cache.", lambda: compress.hits, grows=True),
        Reading("cache_misses", "Results made anew.", lambda: compress.misses, grows=True),
        Reading("cache_bytes", "Size of the cache.", lambda: cache.total_bytes if cache else 0, of_all=True),
        Reading("jobs_waiting", "Jobs that wait, of all servers.", lambda: backlog.summary.waiting, of_all=True),
        Reading("jobs_working", "Jobs at work, of all servers.", lambda: backlog.summary.working, of_all=True),
        Reading(
            "jobs_oldest_seconds", "Age of the oldest open job.", lambda: backlog.summary.oldest_seconds, of_all=True
        ),
        Reading("job_attempts", "Attempts at jobs and webhooks here.", lambda: jobs.attempts, grows=True),
        Reading(
            "webhooks_waiting", "Webhooks that wait for a try.", lambda: backlog.summary.webhooks_waiting, of_all=True
        ),
        Reading(
            "webhooks_given_up", "Webhooks that were given up.", lambda: backlog.summary.webhooks_failed, of_all=True
        ),
        Reading("webhook_failures", "Tries here that no receiver took.", lambda: notify.failures, grows=True),
        Reading("webhooks_delivered", "Webhooks delivered here.", lambda: notify.delivered, grows=True),
    )


def warn(environment: Environment) -> None:
    """Say what an operator should know: settings that have no effect, and what strangers could do."""
    if environment.of(Server).jpeg_encoder:
        _log.warning("JPEG_ENCODER has no effect: JPEGs are always written by jpegli")
    stores = environment.of(storage.Settings)
    guarded = environment.of(access.Settings).api_key or stores.allowed_buckets
    if stores.takes_callers_objects and not guarded:
        _log.warning(
            "storage can be written to by anybody who reaches this port: set API_KEY or STORAGE_ALLOWED_BUCKETS"
        )

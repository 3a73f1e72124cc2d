"""One column that builds everything; the only place that names concrete backends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from pixlean.access import rate
from pixlean.access.keys import Keys
from pixlean.access.usage import Ledger
from pixlean.config import Environment, parse_list, parse_networks
from pixlean.domain.errors import Unavailable
from pixlean.domain.limits import Limits
from pixlean.outbound import fetch, guard
from pixlean.sandbox import pool as sandbox
from pixlean.service import gate, models, sweep
from pixlean.service.compress import Compress
from pixlean.service.deliver import Deliver
from pixlean.service.estimate import EstimateSavings
from pixlean.service.outputs import Outputs
from pixlean.service.workshop import Workshop
from pixlean.state import database as state
from pixlean.state.database import Database
from pixlean.storage import blobs, objects
from pixlean.storage.blobs import Blobs
from pixlean.storage.cache import ResultCache
from pixlean.web import contract as web
from pixlean.web.app import create_app
from pixlean.web.observe import Metrics, Reading, log_request, start_logging
from pixlean.web.trace import tracer_if

_log = logging.getLogger("pixlean")


def build(environment: Environment) -> FastAPI:
    """The application for these settings."""
    start_logging(environment.LOG_LEVEL)
    settings = _web_settings(environment)
    metrics = Metrics()
    tracer = tracer_if(environment.traces, _log.error)
    _warn(environment)

    @asynccontextmanager
    async def open_services() -> AsyncIterator[web.Services]:
        database, keys, ledger = open_accounts(environment)
        await _begin(database, keys, ledger)
        pool = sandbox.Pool(_sandbox_settings(environment))
        await pool.start()
        limiter = rate.RateLimiter(_rate_settings(environment))
        entrance = gate.Gate(gate.Settings(slots=environment.slots, depth=environment.depth))
        try:
            async with (
                fetch.Fetcher(_fetch_settings(environment, settings.max_file_bytes)) as fetcher,
                fetch.Fetcher(_model_fetch_settings(environment)) as model_fetcher,
            ):
                slots = asyncio.Semaphore(environment.slots)
                workshop = Workshop(
                    pool=pool, gate=entrance, fetcher=fetcher, limits=_limits(environment.MAX_IMAGE_PIXELS), slots=slots
                )
                cache = await asyncio.to_thread(_cache, environment)
                compress = Compress(workshop, cache)
                own = Blobs(_blob_settings(environment))
                sweeping = asyncio.create_task(sweep.Sweep(sweep.Settings(), own, ledger).run())
                metrics.watch(
                    (
                        Reading("queue_depth", "Requests that work or wait.", lambda: entrance.inside),
                        Reading("children_waiting", "Children that are ready.", lambda: pool.waiting),
                        Reading("children_died", "Children that died at work.", lambda: pool.died, grows=True),
                        Reading("children_timed_out", "Children ended for time.", lambda: pool.timed_out, grows=True),
                        Reading("rate_fail_opens", "Passed without Redis.", lambda: limiter.fail_opens, grows=True),
                        Reading("cache_hits", "Results from the cache.", lambda: compress.hits, grows=True),
                        Reading("cache_misses", "Results made anew.", lambda: compress.misses, grows=True),
                        Reading("cache_bytes", "Size of the cache.", lambda: cache.total_bytes if cache else 0),
                    )
                )
                yield web.Services(
                    settings=settings,
                    gate=entrance,
                    limiter=limiter,
                    keys=keys,
                    ledger=ledger,
                    database=database,
                    compress=compress,
                    estimate=EstimateSavings(workshop),
                    models=models.Models(_model_settings(environment), model_fetcher),
                    deliver=Deliver(objects.ObjectStores(_storage_settings(environment))),
                    outputs=Outputs(compress, fetcher, own),
                    status=web.Status(tools=pool.tools, versions=pool.versions, sandbox=pool.layers),
                )
                sweeping.cancel()
        finally:
            entrance.draining = True
            await pool.stop()
            await limiter.close()
            await database.close()
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

    observers = (log_request,) if tracer is None else (log_request, tracer)
    return create_app(open_services, settings, metrics, observers)


def open_accounts(environment: Environment) -> tuple[Database, Keys, Ledger]:
    """The database of keys and usage, and what is asked of it; connections are made when they are needed."""
    database = Database(
        state.Settings(folder=Path(environment.PIXLEAN_DATA_DIR), url=environment.DATABASE_URL.get_secret_value())
    )
    # A request may upload, fetch, wait and work; what takes longer than all of these together is lost.
    longest = environment.BODY_TOTAL_SECONDS + environment.URL_FETCH_TIMEOUT + 4 * environment.TOOL_TIMEOUT_SECONDS
    return database, Keys(database, environment.API_KEY.get_secret_value()), Ledger(database, longest + 60)


async def _begin(database: Database, keys: Keys, ledger: Ledger) -> None:
    """Take the folder, give back what a dead server held, and say whether anybody may come in."""
    if database.embedded:
        try:
            database.lock_folder()
        except OSError as error:
            _log.error("keys and usage can't be kept: %s", error)
    try:
        if database.is_locked:
            await ledger.refund_lost(all_held=True)
        if not keys.has_house_key and not await keys.any_stored():
            _log.error("dev mode: everybody who reaches this port may use it; set API_KEY or run: pixlean keys create")
    except Unavailable as error:
        _log.error("%s", error.message)


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


def _cache(environment: Environment) -> ResultCache | None:
    if not environment.CACHE_MAX_MB:
        return None
    try:
        return ResultCache(Path(environment.PIXLEAN_DATA_DIR) / "cache", environment.CACHE_MAX_MB << 20)
    except OSError as error:
        _log.error("results are not cached: %s can't be written to (%s)", environment.PIXLEAN_DATA_DIR, error.strerror)
        return None


def _web_settings(environment: Environment) -> web.Settings:
    return web.Settings(
        public_url=environment.PUBLIC_URL,
        max_file_bytes=int(environment.MAX_FILE_SIZE_MB * (1 << 20)),
        default_quality=environment.DEFAULT_QUALITY,
        body_stall_seconds=environment.BODY_STALL_SECONDS,
        body_total_seconds=environment.BODY_TOTAL_SECONDS,
        allowed_origins=parse_list(environment.ALLOWED_ORIGINS),
        trusted_proxies=parse_networks(environment.TRUSTED_PROXIES),
        feather=web.FeatherSettings(
            max_upload_bytes=int(environment.MAX_UPLOAD_MB * (1 << 20)),
            limits=_limits(min(environment.MAX_PIXELS, environment.MAX_IMAGE_PIXELS)),
            timeout_seconds=environment.REQUEST_TIMEOUT_MS / 1000,
            per_minute=environment.RATE_LIMIT_PER_MINUTE,
            allowed_origins=parse_list(environment.CORS_ORIGINS),
        ),
    )


def _sandbox_settings(environment: Environment) -> sandbox.Settings:
    return sandbox.Settings(
        slots=environment.slots,
        timeout_seconds=environment.TOOL_TIMEOUT_SECONDS,
        memory_bytes=environment.CHILD_MEMORY_MB << 20,
        memory_budget_bytes=environment.MEMORY_BUDGET_MB << 20,
        required=environment.REQUIRE_SANDBOX,
    )


def _fetch_settings(environment: Environment, max_bytes: int) -> fetch.Settings:
    return fetch.Settings(
        guard=guard.Settings(
            require_https=environment.URL_FETCH_REQUIRE_HTTPS,
            allowed_nets=parse_networks(environment.URL_FETCH_ALLOWED_NETS),
        ),
        timeout_seconds=environment.URL_FETCH_TIMEOUT,
        max_redirects=environment.URL_FETCH_MAX_REDIRECTS,
        max_bytes=max_bytes,
        ca_file=environment.URL_FETCH_CA_FILE,
    )


_MOST_MODEL_BYTES = 256 << 20


def _model_fetch_settings(environment: Environment) -> fetch.Settings:
    """The operator names these URLs, so they may lead anywhere."""
    return fetch.Settings(
        guard=guard.Settings(require_https=False, allowed_nets=parse_networks("0.0.0.0/0, ::/0")),
        timeout_seconds=environment.MODEL_FETCH_TIMEOUT_MS / 1000,
        max_redirects=environment.URL_FETCH_MAX_REDIRECTS,
        max_bytes=_MOST_MODEL_BYTES,
        ca_file=environment.URL_FETCH_CA_FILE,
    )


def _model_settings(environment: Environment) -> models.Settings:
    return models.Settings(
        urls={
            models.Variant.FULL: environment.MODEL_FULL_URL,
            models.Variant.QUANTIZED: environment.MODEL_QUANTIZED_URL,
        },
        folder=environment.MODEL_CACHE_DIR,
        token=environment.HUGGINGFACE_TOKEN.get_secret_value(),
    )


def _rate_settings(environment: Environment) -> rate.Settings:
    return rate.Settings(
        redis_url=environment.REDIS_URL,
        public_rpm=environment.RATE_LIMIT_PUBLIC_RPM,
        public_burst=environment.RATE_LIMIT_PUBLIC_BURST,
        auth_enabled=environment.RATE_LIMIT_AUTH_ENABLED,
        auth_rpm=environment.RATE_LIMIT_AUTH_RPM,
    )


def _storage_settings(environment: Environment) -> objects.Settings:
    return objects.Settings(
        allowed_buckets=frozenset(parse_list(environment.STORAGE_ALLOWED_BUCKETS)),
        file_root=environment.STORAGE_FILE_ROOT,
        gcs_emulator=environment.STORAGE_EMULATOR_HOST,
        google_credentials=environment.GOOGLE_APPLICATION_CREDENTIALS,
        s3_endpoint=environment.AWS_ENDPOINT_URL,
    )


def _blob_settings(environment: Environment) -> blobs.Settings:
    return blobs.Settings(
        folder=Path(environment.PIXLEAN_DATA_DIR) / "objects",
        url=environment.STORAGE_URL,
        s3_endpoint=environment.AWS_ENDPOINT_URL,
        gcs_emulator=environment.STORAGE_EMULATOR_HOST,
    )


def _limits(pixels: int) -> Limits:
    return Limits(max_pixels=pixels, max_total_pixels=pixels, max_canvas_pixels=10 * pixels)

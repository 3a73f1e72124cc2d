"""One column that builds everything; the only place that names concrete backends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from pixlean.config import Environment, parse_networks
from pixlean.domain.limits import Limits
from pixlean.outbound import fetch, guard
from pixlean.sandbox import pool as sandbox
from pixlean.service import gate
from pixlean.service.compress import Compress
from pixlean.web import contract as web
from pixlean.web.app import create_app


def build(environment: Environment) -> FastAPI:
    """The application for these settings."""
    logging.basicConfig(level=environment.LOG_LEVEL)
    settings = web.Settings(
        api_key=environment.API_KEY.get_secret_value(),
        max_file_bytes=int(environment.MAX_FILE_SIZE_MB * (1 << 20)),
        default_quality=environment.DEFAULT_QUALITY,
        body_stall_seconds=environment.BODY_STALL_SECONDS,
        body_total_seconds=environment.BODY_TOTAL_SECONDS,
        allowed_origins=tuple(origin.strip() for origin in environment.ALLOWED_ORIGINS.split(",") if origin.strip()),
    )

    @asynccontextmanager
    async def open_services() -> AsyncIterator[web.Services]:
        pool = sandbox.Pool(
            sandbox.Settings(
                slots=environment.slots,
                timeout_seconds=environment.TOOL_TIMEOUT_SECONDS,
                memory_bytes=environment.CHILD_MEMORY_MB << 20,
                memory_budget_bytes=environment.MEMORY_BUDGET_MB << 20,
                required=environment.REQUIRE_SANDBOX,
            )
        )
        await pool.start()
        fetcher = fetch.Fetcher(
            fetch.Settings(
                guard=guard.Settings(
                    require_https=environment.URL_FETCH_REQUIRE_HTTPS,
                    allowed_nets=parse_networks(environment.URL_FETCH_ALLOWED_NETS),
                ),
                timeout_seconds=environment.URL_FETCH_TIMEOUT,
                max_redirects=environment.URL_FETCH_MAX_REDIRECTS,
                max_bytes=settings.max_file_bytes,
                ca_file=environment.URL_FETCH_CA_FILE,
            )
        )
        entrance = gate.Gate(gate.Settings(slots=environment.slots, depth=environment.depth))
        limits = Limits(
            max_pixels=environment.MAX_IMAGE_PIXELS,
            max_total_pixels=environment.MAX_IMAGE_PIXELS,
            max_canvas_pixels=10 * environment.MAX_IMAGE_PIXELS,
        )
        try:
            async with fetcher:
                yield web.Services(
                    settings=settings,
                    compress=Compress(pool, entrance, fetcher, environment.slots, limits),
                    status=web.Status(tools=pool.tools, versions=pool.versions, sandbox=pool.layers),
                )
        finally:
            entrance.draining = True
            await pool.stop()

    return create_app(open_services, settings)

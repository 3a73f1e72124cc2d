"""What an operator asks of the server: health, readiness, metrics, and the description of its APIs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.domain.version import VERSION
from pixlean.web.contract import services
from pixlean.web.dialect import Dialect
from pixlean.web.docs import page, policy
from pixlean.web.observe import Metrics
from pixlean.web.openapi import document

_FRESH = {"Cache-Control": "no-store"}


async def health(request: Request) -> Response:
    """``GET /health``: tools, codec versions, the layers that the last encoding process proved."""
    seen = services(request).status()
    tools = dict(seen.tools)
    return JSONResponse(
        {
            "status": "ok" if all(tools.values()) else "degraded",
            "tools": tools,
            "version": VERSION,
            "codecs": dict(seen.versions),
            "sandbox": dict(seen.sandbox),
        },
        headers=_FRESH,
    )


async def ready(request: Request) -> Response:
    """``GET /health/ready``: 503 while the server drains, has no encoding process, or can't reach its database."""
    house = services(request)
    if house.gate.draining:
        status = "draining"
    elif not house.status().works:
        status = "no encoding process"
    else:
        status = "ready" if await house.database.answers() else "database lost"
    return JSONResponse({"status": status}, status_code=200 if status == "ready" else 503, headers=_FRESH)


def routes(metrics: Metrics, dialects: tuple[Dialect, ...]) -> list[Route]:
    """The operator's endpoints."""

    async def show_metrics(request: Request) -> Response:
        await services(request).backlog.refresh()
        return Response(
            await metrics.text_of_all(), media_type="text/plain; version=0.0.4; charset=utf-8", headers=_FRESH
        )

    @lru_cache(maxsize=1)
    def described() -> bytes:
        return msgspec.json.encode(document(dialects))

    @lru_cache(maxsize=1)
    def shown() -> bytes:
        return page(document(dialects)).encode()

    return [
        Route("/health", health, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
        Route("/metrics", show_metrics, methods=["GET"]),
        Route("/openapi.json", _unchanging(described, "application/json"), methods=["GET"]),
        Route("/docs", _unchanging(shown, "text/html; charset=utf-8", policy()), methods=["GET"]),
    ]


def _unchanging(
    content: Callable[[], bytes], media_type: str, policy: str = "default-src 'none'"
) -> Callable[[Request], object]:
    """An endpoint whose answer changes with the version only: with an ETag, and 304 to who has it."""

    async def show(request: Request) -> Response:
        body = content()
        tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        if tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers={**headers, "Content-Security-Policy": policy})

    return show

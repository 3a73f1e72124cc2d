"""The native dialect's endpoints: read, ask, show."""

from __future__ import annotations

import json
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.delivery import Delivered
from pixlean.domain.estimate import Alternative
from pixlean.domain.formats import FORMATS
from pixlean.domain.version import VERSION
from pixlean.service.compress import Compressed
from pixlean.service.estimate import Estimated
from pixlean.service.look import Looked
from pixlean.web import facts
from pixlean.web.admission import admit, identify
from pixlean.web.answers import note, unless_gone
from pixlean.web.callers import bearer_key
from pixlean.web.contract import Services, account, services
from pixlean.web.dialects.native.errors import rate_headers
from pixlean.web.dialects.native.read import OptimizeRequest, read_estimate, read_info, read_optimize
from pixlean.web.dialects.native.report import told
from pixlean.web.dialects.native.warn import HEADER, as_header

NAME = "native"
HEADERS = (
    "Content-Disposition", "RateLimit", "Server-Timing", "X-Cache", "X-Optimization-Method", "X-Optimized-Size",
    "X-Original-Format", "X-Original-Size", "X-Output-Format", "X-Pixlean-Report", HEADER, "X-Quality-Score",
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Reduction-Percent", "X-Target-Met",
)  # fmt: skip


async def optimize(request: Request) -> Response:
    """``POST /optimize``."""
    house = services(request)
    caller = await identify(request, NAME, bearer_key(request))
    standing = await admit(request, caller)
    async with read_optimize(request, house.settings) as asked:
        if asked.delivery is not None:
            placed = house.deliver.placed(asked.delivery, caller)
            house.deliver.check(placed)
            asked = replace(asked, delivery=placed)
        response = await unless_gone(request, _optimized(request, house, asked))
    response.headers.update(as_header(asked.unread))
    return _with_standing(response, standing)


async def _optimized(request: Request, house: Services, asked: OptimizeRequest) -> Response:
    compressed = await house.compress(asked.origin, asked.recipe)
    if asked.delivery is None:
        note(request, compressed)
        shown = _show_picture(compressed)
        if asked.recipe.auto:
            shown.headers["Vary"] = "Accept"
        if asked.reports:
            shown.headers["X-Pixlean-Report"] = json.dumps(told(compressed.outcome.report), separators=(",", ":"))
        return shown
    compressed, delivered = await house.deliver(compressed, asked.delivery)
    note(request, compressed)
    return _show_delivered(compressed, delivered, reports=asked.reports)


async def estimate(request: Request) -> Response:
    """``POST /estimate``."""
    house = services(request)
    standing = await admit(request, await identify(request, NAME, bearer_key(request)))
    async with read_estimate(request, house.settings) as asked:
        estimating = house.estimate(
            asked.origin, asked.recipe, thumbnail_url=asked.thumbnail_url, file_bytes=asked.file_bytes,
            alternatives=asked.alternatives,
        )  # fmt: skip
        estimated = await unless_gone(request, estimating)
    noted, forecast = account(request), estimated.estimate
    noted.format, noted.method, noted.seconds = str(forecast.format), str(forecast.strategy), estimated.seconds
    response = _show_estimate(estimated, alternatives=asked.alternatives)
    response.headers.update(as_header(asked.unread))
    return _with_standing(response, standing)


async def info(request: Request) -> Response:
    """``POST /info``."""
    house = services(request)
    standing = await admit(request, await identify(request, NAME, bearer_key(request)))
    async with read_info(request, house.settings) as asked:
        looked = await unless_gone(request, house.look(asked.origin, house.settings.default_recipe))
    noted = account(request)
    noted.format, noted.seconds = str(looked.facts.format), looked.seconds
    response = _show_info(looked)
    response.headers.update(as_header(asked.unread))
    return _with_standing(response, standing)


def _with_standing(response: Response, standing: Standing | None) -> Response:
    if standing is not None:
        response.headers.update(rate_headers(standing))
    return response


def _show_picture(compressed: Compressed) -> Response:
    report = compressed.outcome.report
    headers = {
        "X-Original-Size": str(report.source_bytes),
        "X-Optimized-Size": str(report.size_bytes),
        "X-Reduction-Percent": f"{report.reduction_percent:.1f}",
        "X-Original-Format": str(report.source_format),
        "X-Output-Format": str(report.format),
        "X-Optimization-Method": report.method,
        "Server-Timing": facts.timing(compressed.seconds),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if report.score is not None:
        headers["X-Quality-Score"] = f"{report.score:.1f}"
    if report.target_met is not None:
        headers["X-Target-Met"] = "true" if report.target_met else "false"
    if compressed.from_cache is not None:
        headers["X-Cache"] = "hit" if compressed.from_cache else "miss"
    media_type = FORMATS[report.format].media_type
    if media_type == "image/svg+xml":
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    if report.format == "svgz":
        # The bytes are the file; Content-Encoding would make clients unpack it.
        headers["Content-Disposition"] = 'attachment; filename="optimized.svgz"'
    return Response(compressed.outcome.data, media_type=media_type, headers=headers)


def _show_delivered(compressed: Compressed, delivered: Delivered, *, reports: bool) -> Response:
    report = compressed.outcome.report
    return JSONResponse(
        {
            **({"report": told(report)} if reports else {}),
            "success": True,
            "original_size": report.source_bytes,
            "optimized_size": report.size_bytes,
            "reduction_percent": round(report.reduction_percent, 1),
            "format": str(report.source_format),
            "method": report.method,
            "storage": {
                "provider": str(delivered.provider),
                "url": delivered.url,
                "public_url": delivered.public_url,
            },
            "message": None,
        },
        headers={"Server-Timing": facts.timing(compressed.seconds), "Cache-Control": "no-store"},
    )


def _show_estimate(estimated: Estimated, *, alternatives: bool) -> Response:
    forecast = estimated.estimate
    return JSONResponse(
        {
            "original_size": forecast.original_bytes,
            "original_format": str(forecast.format),
            "dimensions": {"width": forecast.width_px, "height": forecast.height_px},
            "color_type": forecast.mode,
            "bit_depth": forecast.bit_depth,
            "estimated_optimized_size": forecast.optimized_bytes,
            "estimated_reduction_percent": round(forecast.reduction_percent, 1),
            "optimization_potential": str(forecast.potential),
            "method": str(forecast.strategy),
            "already_optimized": forecast.already_optimized,
            "confidence": str(forecast.confidence),
            **({"alternatives": [_show_alternative(each) for each in forecast.alternatives]} if alternatives else {}),
        },
        headers={"Server-Timing": facts.timing(estimated.seconds), "Cache-Control": "no-store"},
    )


def _show_info(looked: Looked) -> Response:
    return JSONResponse(
        facts.told(looked), headers={"Server-Timing": facts.timing(looked.seconds), "Cache-Control": "no-store"}
    )


def _show_alternative(alternative: Alternative) -> dict[str, object]:
    return {"format": str(alternative.format), "estimated_optimized_size": alternative.size_bytes}


async def root(_request: Request) -> Response:
    """``GET /``: what this is and where to go."""
    return JSONResponse(
        {
            "name": "pixlean",
            "version": VERSION,
            "status": "ok",
            "endpoints": {
                "optimize": "POST /optimize",
                "estimate": "POST /estimate",
                "health": "GET /health",
                "ready": "GET /health/ready",
                "metrics": "GET /metrics",
                "openapi": "GET /openapi.json",
                "docs": "GET /docs",
            },
            "formats": [str(name) for name, row in FORMATS.items() if not row.only_read],
        },
        headers={"Vary": "Accept"},
    )


ROUTES = (
    Route("/", root, methods=["GET"]),
    Route("/optimize", optimize, methods=["POST"]),
    Route("/estimate", estimate, methods=["POST"]),
    Route("/info", info, methods=["POST"]),
)

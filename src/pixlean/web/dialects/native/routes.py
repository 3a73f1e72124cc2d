"""The native dialect's endpoints: read, ask, show."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.delivery import Delivered
from pixlean.domain.formats import FORMATS
from pixlean.domain.version import VERSION
from pixlean.service.compress import Compressed
from pixlean.service.estimate import Estimated
from pixlean.web.admission import admit, identify
from pixlean.web.answers import note, unless_gone
from pixlean.web.callers import bearer_key
from pixlean.web.contract import Services, account, services
from pixlean.web.dialects.native.errors import rate_headers
from pixlean.web.dialects.native.read import OptimizeRequest, read_estimate, read_optimize


async def optimize(request: Request) -> Response:
    """``POST /optimize``."""
    house = services(request)
    standing = await _admit(request)
    asked = await read_optimize(request, house.settings)
    try:
        if asked.delivery is not None:
            house.deliver.check(asked.delivery)
        return _with_standing(await unless_gone(request, _optimized(request, house, asked)), standing)
    finally:
        if asked.form is not None:
            asked.form.close()


async def _optimized(request: Request, house: Services, asked: OptimizeRequest) -> Response:
    done = await house.compress(asked.origin, asked.recipe)
    if asked.delivery is None:
        note(request, done)
        shown = _show_picture(done)
        if asked.recipe.auto:
            shown.headers["Vary"] = "Accept"
        return shown
    done, delivered = await house.deliver(done, asked.delivery)
    note(request, done)
    return _show_delivered(done, delivered)


async def estimate(request: Request) -> Response:
    """``POST /estimate``."""
    house = services(request)
    standing = await _admit(request)
    asked = await read_estimate(request, house.settings)
    try:
        work = house.estimate(
            asked.origin, asked.recipe, thumbnail_url=asked.thumbnail_url, file_bytes=asked.file_bytes
        )
        done = await unless_gone(request, work)
    finally:
        if asked.form is not None:
            asked.form.close()
    noted = account(request)
    noted.format, noted.method, noted.seconds = str(done.estimate.format), str(done.estimate.strategy), done.seconds
    return _with_standing(_show_estimate(done), standing)


async def _admit(request: Request) -> Standing | None:
    """Key, rate and queue, in this order, before a byte of the body is read."""
    return await admit(request, await identify(request, "native", bearer_key(request)))


def _with_standing(response: Response, standing: Standing | None) -> Response:
    if standing is not None:
        response.headers.update(rate_headers(standing))
    return response


def _show_picture(done: Compressed) -> Response:
    work = done.work
    headers = {
        "X-Original-Size": str(done.original_bytes),
        "X-Optimized-Size": str(len(work.data)),
        "X-Reduction-Percent": f"{done.reduction_percent:.1f}",
        "X-Original-Format": str(work.original_format or work.format),
        "X-Output-Format": str(work.format),
        "X-Optimization-Method": work.method,
        "Server-Timing": _timing(done.seconds),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if work.score is not None:
        headers["X-Quality-Score"] = f"{work.score:.1f}"
    if work.target_met is not None:
        headers["X-Target-Met"] = "true" if work.target_met else "false"
    if done.from_cache is not None:
        headers["X-Cache"] = "hit" if done.from_cache else "miss"
    media_type = FORMATS[work.format].media_type
    if media_type == "image/svg+xml":
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    if work.format == "svgz":
        # The bytes are the file; Content-Encoding would make clients unpack it.
        headers["Content-Disposition"] = 'attachment; filename="optimized.svgz"'
    return Response(work.data, media_type=media_type, headers=headers)


def _timing(seconds: dict[str, float]) -> str:
    return ", ".join(f"{name};dur={1000 * value:.1f}" for name, value in seconds.items())


def _show_delivered(done: Compressed, delivered: Delivered) -> Response:
    work = done.work
    return JSONResponse(
        {
            "success": True,
            "original_size": done.original_bytes,
            "optimized_size": len(work.data),
            "reduction_percent": round(done.reduction_percent, 1),
            "format": str(work.original_format or work.format),
            "method": work.method,
            "storage": {
                "provider": str(delivered.provider),
                "url": delivered.url,
                "public_url": delivered.public_url,
            },
            "message": None,
        },
        headers={"Server-Timing": _timing(done.seconds), "Cache-Control": "no-store"},
    )


def _show_estimate(done: Estimated) -> Response:
    found = done.estimate
    return JSONResponse(
        {
            "original_size": found.original_bytes,
            "original_format": str(found.format),
            "dimensions": {"width": found.width_px, "height": found.height_px},
            "color_type": found.mode,
            "bit_depth": found.bit_depth,
            "estimated_optimized_size": found.optimized_bytes,
            "estimated_reduction_percent": round(found.reduction_percent, 1),
            "optimization_potential": str(found.potential),
            "method": str(found.strategy),
            "already_optimized": found.already_optimized,
            "confidence": str(found.confidence),
        },
        headers={"Server-Timing": _timing(done.seconds), "Cache-Control": "no-store"},
    )


async def root(request: Request) -> Response:
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
        }
    )


ROUTES = [
    Route("/", root, methods=["GET"]),
    Route("/optimize", optimize, methods=["POST"]),
    Route("/estimate", estimate, methods=["POST"]),
]

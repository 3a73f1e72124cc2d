"""The native dialect's endpoints: read, ask, show."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import FORMATS
from pixlean.domain.version import VERSION
from pixlean.service.compress import Compressed
from pixlean.web.contract import services
from pixlean.web.dialects.native.read import check_key, read_optimize

_Answer = TypeVar("_Answer")


async def optimize(request: Request) -> Response:
    """``POST /optimize``."""
    house = services(request)
    check_key(request, house.settings)
    house.compress.gate.check()
    asked = await read_optimize(request, house.settings)
    if asked.form is None:
        return _show_picture(await _unless_gone(request, house.compress.from_url(asked.url, asked.recipe)))
    try:
        assert asked.form.file is not None
        return _show_picture(await _unless_gone(request, house.compress(asked.form.file, asked.recipe)))
    finally:
        asked.form.close()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """The work's answer; a client that goes away cancels the work."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise InvalidRequest("the client went away")
        return task.result()
    finally:
        for left in (task, gone):
            if not left.done():
                left.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _show_picture(done: Compressed) -> Response:
    work = done.work
    headers = {
        "X-Original-Size": str(done.original_bytes),
        "X-Optimized-Size": str(len(work.data)),
        "X-Reduction-Percent": f"{done.reduction_percent:.1f}",
        "X-Original-Format": str(work.format),
        "X-Output-Format": str(work.format),
        "X-Optimization-Method": work.method,
        "Server-Timing": ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in work.seconds.items()),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if work.score is not None:
        headers["X-Quality-Score"] = f"{work.score:.1f}"
    media_type = FORMATS[work.format].media_type
    if media_type == "image/svg+xml":
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    if work.format == "svgz":
        # The bytes are the file; Content-Encoding would make clients unpack it.
        headers["Content-Disposition"] = 'attachment; filename="optimized.svgz"'
    return Response(work.data, media_type=media_type, headers=headers)


async def root(request: Request) -> Response:
    """``GET /``: what this is and where to go."""
    return JSONResponse(
        {
            "name": "pixlean",
            "version": VERSION,
            "status": "ok",
            "endpoints": {"optimize": "POST /optimize", "health": "GET /health", "ready": "GET /health/ready"},
            "formats": [str(name) for name in FORMATS],
        }
    )


async def health(request: Request) -> Response:
    """``GET /health``: tools, codec versions, sandbox layers."""
    house = services(request)
    tools = dict(house.status.tools)
    return JSONResponse(
        {
            "status": "ok" if all(tools.values()) else "degraded",
            "tools": tools,
            "version": VERSION,
            "codecs": dict(house.status.versions),
            "sandbox": dict(house.status.sandbox),
        },
        headers={"Cache-Control": "no-store"},
    )


async def ready(request: Request) -> Response:
    """``GET /health/ready``: 503 while the server drains."""
    draining = services(request).compress.gate.draining
    body = {"status": "draining" if draining else "ready"}
    return JSONResponse(body, status_code=503 if draining else 200, headers={"Cache-Control": "no-store"})


ROUTES = [
    Route("/", root, methods=["GET"]),
    Route("/optimize", optimize, methods=["POST"]),
    Route("/health", health, methods=["GET"]),
    Route("/health/ready", ready, methods=["GET"]),
]

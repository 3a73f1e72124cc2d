"""Feather's endpoints: read, ask, show."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.errors import BadImage, ErrorCode, InvalidRequest
from pixlean.domain.formats import FORMATS
from pixlean.domain.version import VERSION
from pixlean.service.compress import Compressed, Terms
from pixlean.service.inputs import Upload
from pixlean.service.models import Variant
from pixlean.web.admission import enter
from pixlean.web.answers import attachment, media_type, note, rate_headers, unless_gone
from pixlean.web.callers import client_address
from pixlean.web.contract import Services, services
from pixlean.web.dialects.feather.read import INPUTS, OUTPUTS, CompressRequest, read_compress

_NO_STORE = {"Cache-Control": "no-store"}


async def health(request: Request) -> Response:
    """``GET /api/health``."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return JSONResponse({"ok": True, "version": VERSION, "env": "production", "timestamp": now}, headers=_NO_STORE)


async def formats(request: Request) -> Response:
    """``GET /api/formats``."""
    return JSONResponse({"input": list(INPUTS), "output": list(OUTPUTS)})


async def compress(request: Request) -> Response:
    """``POST /api/compress``."""
    return await _work(request, convert=False)


async def convert(request: Request) -> Response:
    """``POST /api/convert``."""
    return await _work(request, convert=True)


async def _work(request: Request, *, convert: bool) -> Response:
    started = time.perf_counter()
    house = services(request)
    standing = await _admit(request, house)
    house.gate.check()
    asked = await read_compress(request, house.settings, convert=convert)
    try:
        assert asked.form.file is not None
        terms = Terms(limits=house.settings.feather.limits, seconds=house.settings.feather.timeout_seconds)
        done = await unless_gone(request, house.compress(Upload(asked.form.file), asked.recipe, terms))
    except BadImage as error:
        # What it was declared as is read here; that its bytes are something else is the picture's fault.
        code = ErrorCode.BAD_IMAGE if error.code is ErrorCode.UNSUPPORTED_FORMAT else error.code
        raise BadImage(error.message, code=code, facts=error.facts) from error
    finally:
        asked.form.close()
    note(request, done)
    response = _show(done, asked, time.perf_counter() - started)
    response.headers.update(rate_headers(standing))
    return response


async def _admit(request: Request, house: Services) -> Standing | None:
    enter(request, "feather")
    caller = client_address(request, house.settings.trusted_proxies)
    return await house.limiter.admit_to("feather", house.settings.feather.per_minute, caller)


def _show(done: Compressed, asked: CompressRequest, seconds: float) -> Response:
    work = done.work
    row = FORMATS[work.format]
    headers = {
        "Content-Disposition": attachment(asked.stem, f"-compressed{row.extensions[0].replace('.apng', '.png')}"),
        "X-Original-Bytes": str(done.original_bytes),
        "X-Output-Bytes": str(len(work.data)),
        "X-Output-Quality": str(work.quality if work.quality is not None else asked.recipe.quality),
        "X-Output-Width": str(work.width_px),
        "X-Output-Height": str(work.height_px),
        "X-Compression-Ratio": f"{done.original_bytes / max(1, len(work.data)):.2f}",
        "X-Processing-Time-Ms": str(round(1000 * seconds)),
        "X-Target-Met": "true" if work.target_met is not False else "false",
        "X-Resized": "true" if work.resized else "false",
        "X-Iterations": str(max(1, work.encodes)),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if asked.negotiated:
        headers["Vary"] = "Accept"
    return Response(work.data, media_type=media_type(work.format), headers=headers)


async def modnet(request: Request) -> Response:
    """``GET /api/models/modnet``: the model, from memory, disk or upstream."""
    house = services(request)
    standing = await _admit(request, house)
    name = request.query_params.get("variant", Variant.FULL)
    if name not in list(Variant):
        raise InvalidRequest("'variant' must be full or quantized")
    model = await house.models.get(Variant(name))
    headers = {
        "ETag": f'"{model.sha256}"',
        "Cache-Control": "public, max-age=31536000, immutable",
        **(rate_headers(standing)),
    }
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(model.data, media_type="application/octet-stream", headers=headers)


ROUTES = [
    Route("/api/health", health, methods=["GET"]),
    Route("/api/formats", formats, methods=["GET"]),
    Route("/api/compress", compress, methods=["POST"]),
    Route("/api/convert", convert, methods=["POST"]),
    Route("/api/models/modnet", modnet, methods=["GET"]),
]

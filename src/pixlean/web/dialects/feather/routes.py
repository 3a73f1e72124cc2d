"""Feather's endpoints: read, ask, show."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.rate import Standing
from pixlean.domain.errors import BadImage, ErrorCode, InvalidRequest, PixleanError
from pixlean.domain.formats import FORMATS
from pixlean.domain.report import Outcome
from pixlean.domain.version import VERSION
from pixlean.service.compress import Compressed, Terms
from pixlean.web.admission import enter, identify
from pixlean.web.answers import attachment, media_type, note, rate_headers, unless_gone
from pixlean.web.callers import bearer_key, client_address
from pixlean.web.contract import Services, account, services
from pixlean.web.dialects.feather.errors import show_error
from pixlean.web.dialects.feather.models import Models, Variant
from pixlean.web.dialects.feather.read import INPUTS, OUTPUTS, CompressRequest, read_compress
from pixlean.web.dialects.feather.settings import Settings

NAME = "feather"
HEADERS = (
    "Content-Disposition", "X-Compression-Ratio", "X-Iterations", "X-Original-Bytes", "X-Output-Bytes",
    "X-Output-Height", "X-Output-Quality", "X-Output-Width", "X-Processing-Time-Ms", "X-RateLimit-Limit",
    "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Resized", "X-Target-Met",
)  # fmt: skip

_NO_STORE = {"Cache-Control": "no-store"}


async def health(_request: Request) -> Response:
    """``GET /api/health``."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return JSONResponse({"ok": True, "version": VERSION, "env": "production", "timestamp": now}, headers=_NO_STORE)


async def formats(_request: Request) -> Response:
    """``GET /api/formats``."""
    return JSONResponse({"input": list(INPUTS), "output": list(OUTPUTS)})


def _show(outcome: Outcome, asked: CompressRequest, seconds: float) -> Response:
    report = outcome.report
    row = FORMATS[report.format]
    headers = {
        "Content-Disposition": attachment(asked.stem, f"-compressed{row.extensions[0].replace('.apng', '.png')}"),
        "X-Original-Bytes": str(report.source_bytes),
        "X-Output-Bytes": str(report.size_bytes),
        "X-Output-Quality": str(report.quality if report.quality is not None else asked.recipe.quality),
        "X-Output-Width": str(report.width_px),
        "X-Output-Height": str(report.height_px),
        "X-Compression-Ratio": f"{report.source_bytes / max(1, report.size_bytes):.2f}",
        "X-Processing-Time-Ms": str(round(1000 * seconds)),
        "X-Target-Met": "true" if report.target_met is not False else "false",
        "X-Resized": "true" if report.resized else "false",
        "X-Iterations": str(max(1, report.encodes)),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if asked.negotiated:
        headers["Vary"] = "Accept"
    return Response(outcome.data, media_type=media_type(outcome.format), headers=headers)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The endpoints that do work, with what they promise."""

    settings: Settings
    models: Models

    def routes(self) -> tuple[Route, ...]:
        """Where they are."""
        return (
            Route("/api/compress", self._limited(self._compress), methods=["POST"]),
            Route("/api/convert", self._limited(self._convert), methods=["POST"]),
            Route("/api/models/modnet", self._limited(self._modnet), methods=["GET"]),
        )

    def _limited(self, work: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that does work: it counts against the rate, and says so on its errors as well."""

        async def serve(request: Request) -> Response:
            standing = await self._admit(request, services(request))
            try:
                response = await work(request)
            except PixleanError as error:
                account(request).error = str(error.code)
                response = show_error(error)
            response.headers.update(rate_headers(standing))
            return response

        return serve

    async def _admit(self, request: Request, house: Services) -> Standing | None:
        if self.settings.is_open:
            enter(request, NAME)
        else:
            await identify(request, NAME, bearer_key(request))
        caller = client_address(request, house.settings.trusted_proxies)
        return await house.limiter.admit_to(NAME, self.settings.per_minute, caller)

    async def _compress(self, request: Request) -> Response:
        """``POST /api/compress``."""
        return await self._picture(request, convert=False)

    async def _convert(self, request: Request) -> Response:
        """``POST /api/convert``."""
        return await self._picture(request, convert=True)

    async def _picture(self, request: Request, *, convert: bool) -> Response:
        started = time.perf_counter()
        house = services(request)
        house.gate.check()
        async with read_compress(request, house.settings, self.settings, convert=convert) as asked:
            compressed = await unless_gone(request, self._compressed(house, asked))
        note(request, compressed)
        return _show(compressed.outcome, asked, time.perf_counter() - started)

    async def _compressed(self, house: Services, asked: CompressRequest) -> Compressed:
        terms = Terms(limits=self.settings.limits, seconds=self.settings.timeout_seconds)
        try:
            return await house.compress(asked.origin, asked.recipe, terms)
        except BadImage as error:
            # What it was declared as is read here; that its bytes are something else is the picture's fault.
            code = ErrorCode.BAD_IMAGE if error.code is ErrorCode.UNSUPPORTED_FORMAT else error.code
            raise BadImage(error.message, code=code, facts=error.facts) from error

    async def _modnet(self, request: Request) -> Response:
        """``GET /api/models/modnet``: the model, from memory, disk or upstream."""
        name = request.query_params.get("variant", Variant.FULL)
        if name not in list(Variant):
            raise InvalidRequest("'variant' must be full or quantized")
        model = await self.models.get(Variant(name))
        headers = {"ETag": f'"{model.sha256}"', "Cache-Control": "public, max-age=31536000, immutable"}
        known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        if headers["ETag"] in known:
            return Response(status_code=304, headers=headers)
        return Response(model.data, media_type="application/octet-stream", headers=headers)


def routes(settings: Settings, models: Models) -> tuple[Route, ...]:
    """All endpoints."""
    return (
        Route("/api/health", health, methods=["GET"]),
        Route("/api/formats", formats, methods=["GET"]),
        *Endpoints(settings=settings, models=models).routes(),
    )

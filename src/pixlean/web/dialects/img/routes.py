"""The endpoint: read, ask, show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.signatures import Signatures
from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import FORMATS
from pixlean.service.inputs import Upload
from pixlean.service.pictures import Shown, State, Wish
from pixlean.web import facts
from pixlean.web.admission import enter
from pixlean.web.answers import attachment, file_ending
from pixlean.web.contract import account, services
from pixlean.web.dialects.img.errors import draw_error, show_error
from pixlean.web.dialects.img.options import NO_HINTS, Hints
from pixlean.web.dialects.img.read import HINTS, Asked, hints_of, read_info_url, read_url
from pixlean.web.dialects.img.settings import Settings
from pixlean.web.download import is_known, show_part
from pixlean.web.negotiate import essence

NAME = "img"
HEADERS = ("Age", "ETag", "X-Cache", "X-Pixlean-Original")
# URLs that are asked for all the time.
_MOST_READ = 4096
# Faults of the URL or the picture, which stay; what is the moment's is never kept.
_LASTING = (400, 403, 404, 413, 415, 422)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoint, with what the operator decided; ``read`` is ``read_url``, which need not read a URL twice."""

    settings: Settings
    read: Callable[[bytes, str, Hints, Signatures | None, int], Asked]

    async def picture(self, request: Request) -> Response:
        """``GET /img/{signature}/{options}/{source}/{path}``."""
        enter(request, NAME)
        house = services(request)
        try:
            asked = self.read(
                request.scope.get("raw_path") or request.url.path.encode(), essence(request.headers.get("accept", "")),
                hints_of(request) if self.settings.client_hints else NO_HINTS,
                house.picture_signatures, house.settings.default_quality,
            )  # fmt: skip
            place = house.pictures.place(asked.source, asked.path)
            shown = await house.pictures(
                Wish(
                    place=place,
                    recipe=asked.recipe,
                    may_be_original=self.settings.shows_originals,
                    keeps_drawings=asked.keeps_drawings,
                )
            )
        except PixleanError as error:
            account(request).error = str(error.code)
            return self._failed(error)
        noted = account(request)
        noted.format, noted.bytes_out = str(shown.format), len(shown.data)
        return self._show(request, asked, shown)

    async def info(self, request: Request) -> Response:
        """``GET /info/{signature}/{source}/{path}``."""
        enter(request, NAME)
        house = services(request)
        try:
            sent = request.scope.get("raw_path") or request.url.path.encode()
            source, path = read_info_url(sent, house.picture_signatures, self.settings)
            async with house.pictures.opened(house.pictures.place(source, path)) as (file, lifetime):
                looked = await house.look(Upload(file), house.settings.default_recipe)
        except PixleanError as error:
            account(request).error = str(error.code)
            return self._failed(error, draws=False)
        noted = account(request)
        noted.format, noted.seconds = str(looked.facts.format), looked.seconds
        headers = {"Cache-Control": lifetime.text, "Server-Timing": facts.timing(looked.seconds)}
        return JSONResponse(facts.told(looked), headers=headers)

    def _failed(self, error: PixleanError, *, draws: bool = True) -> Response:
        response = draw_error(error) if draws and self.settings.errors == "picture" else show_error(error)
        if self.settings.error_seconds and response.status_code in _LASTING:
            response.headers["Cache-Control"] = f"public, max-age={self.settings.error_seconds}"
        return response

    def _show(self, request: Request, asked: Asked, shown: Shown) -> Response:
        headers = {"ETag": shown.etag, "Cache-Control": shown.lifetime.text}
        if asked.vary:
            headers["Vary"] = ", ".join(asked.vary)
        if self.settings.client_hints:
            headers["Accept-CH"] = ", ".join(HINTS)
        if shown.age_seconds:
            headers["Age"] = str(shown.age_seconds)
        if shown.state is State.ORIGINAL:
            headers["X-Pixlean-Original"] = str(shown.why)
        if self.settings.tells_work:
            headers |= _told(shown)
        if is_known(request, shown.etag):
            return Response(status_code=304, headers=headers)
        if "download" in request.query_params:
            name = request.query_params["download"] or asked.path
            headers["Content-Disposition"] = attachment(PurePosixPath(name).stem, file_ending(shown.format))
        return show_part(request, shown.data, FORMATS[shown.format].media_type, headers)


def _told(shown: Shown) -> dict[str, str]:
    """How the picture came to be, for who looks into it."""
    told = {"X-Cache": str(shown.state)}
    report = shown.report
    if report is not None:
        told |= {
            "X-Original-Size": str(report.source_bytes),
            "X-Original-Format": str(report.source_format),
            "X-Output-Size": str(report.size_bytes),
            "X-Output-Width": str(report.width_px),
            "X-Output-Height": str(report.height_px),
            "X-Optimization-Method": report.method,
        }
        if report.score is not None:
            told["X-Quality-Score"] = f"{report.score:.1f}"
    return told


def routes(settings: Settings) -> tuple[Route, ...]:
    """All endpoints."""
    read = lru_cache(_MOST_READ)(partial(read_url, settings=settings))
    endpoint = Endpoint(settings=settings, read=read)
    return (
        Route("/img/{rest:path}", endpoint.picture, methods=["GET"]),
        Route("/info/{rest:path}", endpoint.info, methods=["GET"]),
    )

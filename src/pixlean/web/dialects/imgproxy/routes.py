"""The endpoint: read, ask, show."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import FORMATS
from pixlean.domain.lifetime import Lifetime
from pixlean.domain.place import Place
from pixlean.service.inputs import Upload
from pixlean.service.pictures import Shown, Wish
from pixlean.web.admission import enter
from pixlean.web.answers import attachment, file_ending
from pixlean.web.contract import account, services
from pixlean.web.dialects.imgproxy.errors import show_error
from pixlean.web.dialects.imgproxy.information import told
from pixlean.web.dialects.imgproxy.read import Asked, is_info, path_sent, read_info_url, read_url
from pixlean.web.dialects.imgproxy.settings import Settings
from pixlean.web.dialects.imgproxy.values import check_time
from pixlean.web.download import is_known, show_part
from pixlean.web.negotiate import essence

NAME = "imgproxy"
# Paths that are asked for all the time.
_MOST_READ = 4096


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """The endpoints, with what the operator decided; ``read`` is ``read_url``, which need not read a path twice."""

    settings: Settings
    read: Callable[[str, str], Asked]

    async def picture(self, request: Request) -> Response:
        """``GET /{signature}/{options}/{source}``."""
        enter(request, NAME)
        house, settings = services(request), self.settings
        try:
            asked = self.read(path_sent(request.scope, settings.prefix), essence(request.headers.get("accept", "")))
            check_time(asked.wanted.expires_at)
            shown = await house.pictures(
                Wish(
                    place=asked.place,
                    recipe=asked.recipe,
                    limits=asked.limits,
                    most_bytes=asked.most_bytes,
                    untouched=asked.untouched,
                    keeps_drawings=asked.keeps_drawings,
                    version=asked.wanted.version,
                )
            )
        except PixleanError as error:
            account(request).error = str(error.code)
            return show_error(error)
        noted = account(request)
        noted.format, noted.bytes_out = str(shown.format), len(shown.data)
        return self._show(request, asked, shown)

    async def info(self, request: Request) -> Response:
        """``GET /info/{signature}/{options}/{source}``."""
        enter(request, NAME)
        house, settings = services(request), self.settings
        try:
            asked = read_info_url(path_sent(request.scope, settings.info_prefix), settings)
            check_time(asked.question.expires_at)
            async with house.pictures.opened(asked.place, asked.most_bytes) as (file, lifetime):
                facts, seconds = await house.look.facts(Upload(file), asked.limits)
        except PixleanError as error:
            account(request).error = str(error.code)
            return show_error(error)
        noted = account(request)
        noted.format, noted.seconds = str(facts.format), seconds
        headers = self._caching(lifetime, asked.question.expires_at)
        return JSONResponse(told(facts, asked.question), headers=headers)

    def _caching(self, origins: Lifetime, expires_at: int) -> dict[str, str]:
        """What downstream caches are told: the operator's time, or the origin's; never longer than the URL holds."""
        lifetime = origins if self.settings.passes_cache_control else Lifetime(seconds=self.settings.ttl_seconds)
        if expires_at:
            left = max(0, expires_at - int(time.time()))
            lifetime = replace(lifetime, seconds=min(lifetime.seconds, left), stale_seconds=0, immutable=False)
        return {"Cache-Control": lifetime.text}

    def _show(self, request: Request, asked: Asked, shown: Shown) -> Response:
        headers = {"ETag": shown.etag, **self._caching(shown.lifetime, asked.wanted.expires_at)}
        if asked.varies:
            headers["Vary"] = "Accept"
        if is_known(request, shown.etag):
            return Response(status_code=304, headers=headers)
        path = asked.place.path if isinstance(asked.place, Place) else urlsplit(asked.place.url).path
        name = asked.wanted.file_name or PurePosixPath(path).stem or "image"
        disposition = attachment(name, file_ending(shown.format))
        attaches = self.settings.attaches if asked.wanted.attaches is None else asked.wanted.attaches
        if not attaches:
            disposition = disposition.replace("attachment", "inline", 1)
        headers["Content-Disposition"] = disposition
        return show_part(request, shown.data, FORMATS[shown.format].media_type, headers)


async def health(_request: Request) -> Response:
    """``GET /health`` below a path of its own."""
    return Response("imgproxy is running", media_type="text/plain")


def _endpoint(settings: Settings) -> Endpoint:
    return Endpoint(settings=settings, read=lru_cache(_MOST_READ)(partial(read_url, settings=settings)))


class _InfoRoute(Route):
    """The endpoint below /info, for paths that are of this grammar: others there belong to others."""

    def __init__(self, settings: Settings) -> None:
        info = _endpoint(settings).info
        super().__init__(f"{settings.info_prefix}/{{signature}}/{{rest:path}}", info, methods=["GET"])
        self._settings = settings

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As every route, and by what the path says."""
        match, child = super().matches(scope)
        return (match, child) if match is not Match.NONE and is_info(scope, self._settings) else (Match.NONE, {})


def narrow_routes(settings: Settings) -> tuple[Route, ...]:
    """What is told of pictures."""
    return (_InfoRoute(settings),) if settings.is_on else ()


def routes(settings: Settings) -> tuple[Route, ...]:
    """All endpoints; none where nothing is set up. At the root they come after those of all other APIs."""
    if not settings.is_on:
        return ()
    picture = Route(f"{settings.prefix}/{{signature}}/{{rest:path}}", _endpoint(settings).picture, methods=["GET"])
    own = (Route(f"{settings.prefix}/health", health, methods=["GET"]),) if settings.prefix else ()
    return (*own, picture)

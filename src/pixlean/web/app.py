"""The application: all dialects' routes on one port, every error in the words of the dialect that owns the path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web import accounts, page
from pixlean.web.contract import Services, account
from pixlean.web.dialect import Dialect
from pixlean.web.middleware import Cors, CorsRule, Net, Observer, Reception
from pixlean.web.observe import Metrics
from pixlean.web.ops import routes
from pixlean.web.owners import Owners
from pixlean.web.settings import Settings

# What answers of every API may have.
_USUAL_HEADERS = ("Content-Disposition", "Retry-After", "X-Request-ID")


@dataclass(frozen=True)
class _Faults:
    """What Starlette hands over of faults, told by the path's owner."""

    owners: Owners

    async def show_ours(self, request: Request, error: PixleanError) -> Response:
        """An error that an endpoint raised."""
        account(request).error = str(error.code)
        return self.owners.show(request.url.path, error)

    async def show_http(self, request: Request, error: HTTPException) -> Response:
        """An error of the router."""
        code = _CODES.get(error.status_code, ErrorCode.INVALID_REQUEST)
        response = self.owners.show(
            request.url.path, PixleanError(_WORDS.get(code, "the request is not valid"), code=code)
        )
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response


_CODES = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
_WORDS = {
    ErrorCode.NOT_FOUND: "there is nothing at this path",
    ErrorCode.METHOD_NOT_ALLOWED: "this path does not take that method",
}


def _rules(dialects: tuple[Dialect, ...], origins: tuple[str, ...]) -> dict[str, CorsRule]:
    """By the beginning of a path: who of other origins may read, and which headers."""
    rules = {"/": CorsRule(origins=origins, exposed=_USUAL_HEADERS)}
    for dialect in dialects:
        allowed = origins if dialect.origins is None else dialect.origins
        exposed = tuple(sorted({*_USUAL_HEADERS, *dialect.exposed_headers}))
        rules |= {prefix: CorsRule(origins=allowed, exposed=exposed) for prefix in dialect.prefixes}
    return rules


def create_app(
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
    dialects: tuple[Dialect, ...],
    settings: Settings,
    metrics: Metrics,
    observers: tuple[Observer, ...] = (),
) -> Starlette:
    """The ASGI application; ``open_services`` is entered at start-up and left at the end."""
    owners = Owners(dialects)
    faults = _Faults(owners)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_services() as opened, AsyncExitStack() as held:
            for dialect in dialects:
                await held.enter_async_context(dialect.opened(opened))
            app.state.services = opened
            yield

    handlers: dict[Any, Any] = {HTTPException: faults.show_http, PixleanError: faults.show_ours}
    app = Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(Reception, observers=(metrics, *observers), show_id=owners.show_id),
            Middleware(Cors, rules=_rules(dialects, settings.allowed_origins)),
            Middleware(Net, show=owners.show),
        ],
        exception_handlers=handlers,
    )
    app.router.redirect_slashes = False
    app.router.routes.extend([*page.ROUTES, *accounts.ROUTES, *routes(metrics, dialects)])
    app.router.routes.extend(route for dialect in dialects for route in dialect.narrow_routes)
    app.router.routes.extend(route for dialect in dialects for route in dialect.routes)
    return app

"""The application: all dialects' routes on one port, every error in the words of the dialect that owns the path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.contract import Dialect, Services, Settings, account
from pixlean.web.dialects import compressorize, feather, native, optipic, picwish, tinify
from pixlean.web.middleware import Cors, Net, Observer, Reception
from pixlean.web.observe import Metrics
from pixlean.web.ops import routes

# The first whose prefix fits owns a path: Feather's is part of two others', and the native dialect takes what is left.
DIALECTS: tuple[Dialect, ...] = tuple(
    cast(Dialect, module) for module in (optipic, tinify, compressorize, picwish, feather, native)
)


def dialect_for(path: str) -> Dialect:
    """The dialect whose prefix begins the path."""
    for dialect in DIALECTS:
        if any(f"{path}/".startswith(prefix) for prefix in dialect.PREFIXES):
            return dialect
    return DIALECTS[-1]


_OUR_HEADERS = (
    "Compression-Count", "Content-Disposition", "Image-Height", "Image-Width", "Location", "RateLimit",
    "Retry-After", "Server-Timing", "X-Cache", "X-Compressed-Size", "X-Compression-Ratio", "X-Format",
    "X-Iterations", "X-Job-Id", "X-Optimization-Method", "X-Optimized-Size", "X-Original-Bytes", "X-Original-Format",
    "X-Original-Size", "X-Output-Bytes", "X-Output-Format", "X-Output-Height", "X-Output-Quality", "X-Output-Width",
    "X-Processing-Time-Ms", "X-Quality-Score", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    "X-Reduction-Percent", "X-Request-ID", "X-Resized", "X-Savings-Percent", "X-Target-Met",
)  # fmt: skip


def create_app(
    open_services: Callable[[], AbstractAsyncContextManager[Services]],
    settings: Settings,
    metrics: Metrics,
    observers: tuple[Observer, ...] = (),
) -> FastAPI:
    """The ASGI application; ``open_services`` is entered at start-up and left at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as opened:
            app.state.services = opened
            yield

    app = FastAPI(
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(Reception, observers=(metrics, *observers), show_id=_show_id),
            Middleware(
                Cors,
                origins={
                    "/": settings.allowed_origins,
                    "/api/": settings.feather.allowed_origins,
                    "/api/v1/": settings.allowed_origins,
                    "/api/tasks/": settings.allowed_origins,
                },
                exposed=_OUR_HEADERS,
            ),
            Middleware(Net, show_crash=_show_crash, show_crowded=_show_crowded),
        ],
        exception_handlers={HTTPException: _show_http, PixleanError: _show_ours},
    )
    app.router.routes.extend(routes(metrics, DIALECTS))
    for dialect in DIALECTS:
        app.router.routes.extend(dialect.ROUTES)
    return app


def _show_id(path: str, request_id: str) -> str:
    return dialect_for(path).show_id(request_id)


async def _show_ours(request: Request, error: PixleanError) -> Response:
    account(request).error = str(error.code)
    return dialect_for(request.url.path).show_error(error)


async def _show_http(request: Request, error: HTTPException) -> Response:
    code = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}.get(
        error.status_code, ErrorCode.INVALID_REQUEST
    )
    words = {
        ErrorCode.NOT_FOUND: "there is nothing at this path",
        ErrorCode.METHOD_NOT_ALLOWED: "this path does not take that method",
    }
    response = dialect_for(request.url.path).show_error(
        PixleanError(words.get(code, "the request is not valid"), code=code)
    )
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _show_crowded(path: str) -> Response:
    return dialect_for(path).show_error(PixleanError("too many headers", code=ErrorCode.INVALID_REQUEST))


def _show_crash(path: str) -> Response:
    return dialect_for(path).show_error(PixleanError("something went wrong on our side", code=ErrorCode.INTERNAL))

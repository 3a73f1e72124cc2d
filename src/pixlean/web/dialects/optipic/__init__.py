"""The OptiPic dialect: ``/v1/``, with keys and a monthly quota."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.optipic.describe import PATHS
from pixlean.web.dialects.optipic.errors import ERRORS, show_error
from pixlean.web.dialects.optipic.routes import HEADERS, NAME, routes
from pixlean.web.dialects.optipic.settings import TARIFF, Settings


def show_id(request_id: str) -> str:
    """``req_`` and the UUID's digits."""
    return f"req_{request_id.replace('-', '').lower()}"


def build(settings: Settings) -> Dialect:
    """The dialect with these settings."""
    return Dialect(
        name=NAME,
        title="OptiPic",
        about="Compress, convert and resize with a monthly quota.",
        prefixes=("/v1/",),
        routes=routes(settings),
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        show_id=show_id,
        exposed_headers=HEADERS,
        tariff=TARIFF,
    )


API = Api(settings=Settings, build=build)

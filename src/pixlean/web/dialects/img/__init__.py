"""pixlean's own pictures by URL: ``GET /img/{signature}/{options}/{source}``, and what is told of them."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.img.describe import PATHS
from pixlean.web.dialects.img.errors import ERRORS, show_error
from pixlean.web.dialects.img.routes import HEADERS, NAME, routes
from pixlean.web.dialects.img.settings import Settings


def build(settings: Settings) -> Dialect:
    """The dialect with these settings."""
    return Dialect(
        name=NAME,
        title="Pictures by URL",
        about="Signed URLs of the operator's own pictures, in the size and format that a page needs.",
        prefixes=("/img/",),
        routes=routes(settings),
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        exposed_headers=HEADERS,
    )


API = Api(settings=Settings, build=build)

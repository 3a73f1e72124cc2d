"""The Feather dialect: the API of Feather, on ``/api/``, without keys."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.feather.describe import PATHS
from pixlean.web.dialects.feather.errors import ERRORS, show_error
from pixlean.web.dialects.feather.models import Models
from pixlean.web.dialects.feather.routes import HEADERS, NAME, routes
from pixlean.web.dialects.feather.settings import Settings


def build(settings: Settings) -> Dialect:
    """The dialect with these settings."""
    models = Models(settings)
    return Dialect(
        name=NAME,
        title="Feather",
        about="Compress, convert, resize and edit one picture; no key is needed unless the server asks for one.",
        prefixes=("/api/",),
        routes=routes(settings, models),
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        exposed_headers=HEADERS,
        origins=settings.origins,
        opened=models.opened,
    )


API = Api(settings=Settings, build=build)

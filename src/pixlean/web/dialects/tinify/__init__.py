"""The Tinify dialect: ``/shrink``, ``/output/{id}`` and ``/keys/{key}``, with keys by Basic authentication."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect, NoSettings
from pixlean.web.dialects.tinify.describe import PATHS
from pixlean.web.dialects.tinify.errors import ERRORS, show_error
from pixlean.web.dialects.tinify.routes import HEADERS, NAME, ROUTES
from pixlean.web.dialects.tinify.settings import TARIFF


def build(_: NoSettings) -> Dialect:
    """The dialect."""
    return Dialect(
        name=NAME,
        title="Tinify",
        about="What the official TinyPNG clients and plugins speak.",
        prefixes=("/shrink/", "/output/", "/keys/"),
        routes=ROUTES,
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        exposed_headers=HEADERS,
        tariff=TARIFF,
    )


API = Api(settings=NoSettings, build=build)

"""The Compressorize dialect: ``/api/v1/``, small pictures at once, large ones as jobs, with webhooks."""

from __future__ import annotations

from pixlean.service.words import Words
from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.compressorize.describe import PATHS
from pixlean.web.dialects.compressorize.errors import ERRORS, show_error
from pixlean.web.dialects.compressorize.read import NAME
from pixlean.web.dialects.compressorize.routes import HEADERS, routes
from pixlean.web.dialects.compressorize.settings import Settings
from pixlean.web.dialects.compressorize.show import show_ended, sign


def build(settings: Settings) -> Dialect:
    """The dialect with these settings."""
    return Dialect(
        name=NAME,
        title="Compressorize",
        about="Small pictures at once, large ones as jobs, with webhooks.",
        prefixes=("/api/v1/",),
        routes=routes(settings),
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        exposed_headers=HEADERS,
        webhooks=Words(show_ended=show_ended, sign=sign),
    )


API = Api(settings=Settings, build=build)

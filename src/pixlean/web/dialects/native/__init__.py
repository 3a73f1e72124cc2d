"""The native dialect: the API of Pare, on ``/``, ``/optimize`` and ``/estimate``."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect, NoSettings
from pixlean.web.dialects.native.describe import PATHS
from pixlean.web.dialects.native.errors import ERRORS, show_error
from pixlean.web.dialects.native.routes import HEADERS, NAME, ROUTES


def build(_: NoSettings) -> Dialect:
    """The dialect."""
    return Dialect(
        name=NAME,
        title="pixlean (native)",
        about="Pare's API, with everything that pixlean can: conversion, target sizes, scores, storage, estimates.",
        prefixes=("/",),
        routes=ROUTES,
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        exposed_headers=HEADERS,
    )


API = Api(settings=NoSettings, build=build)

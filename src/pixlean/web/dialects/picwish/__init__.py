"""The PicWish dialect: tasks under ``/api/tasks/visual/imgcompress``, keys in ``X-API-KEY``."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.picwish.describe import PATHS
from pixlean.web.dialects.picwish.errors import ERRORS, show_error
from pixlean.web.dialects.picwish.read import NAME
from pixlean.web.dialects.picwish.routes import routes
from pixlean.web.dialects.picwish.settings import TARIFF, Settings


def build(settings: Settings) -> Dialect:
    """The dialect with these settings."""
    return Dialect(
        name=NAME,
        title="PicWish",
        about="Tasks that are done within the request or asked for later, with credits.",
        prefixes=("/api/tasks/",),
        routes=routes(settings),
        paths=PATHS,
        errors=ERRORS,
        show_error=show_error,
        tariff=TARIFF,
    )


API = Api(settings=Settings, build=build)

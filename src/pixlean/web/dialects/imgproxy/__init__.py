"""imgproxy's URLs: ``/{signature}/{options}/plain/{source}@{extension}``, and sources in base64."""

from __future__ import annotations

from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.imgproxy.describe import PATHS
from pixlean.web.dialects.imgproxy.errors import ERRORS, describe_error
from pixlean.web.dialects.imgproxy.routes import NAME, narrow_routes, routes
from pixlean.web.dialects.imgproxy.settings import Settings


def build(settings: Settings) -> Dialect:
    """The dialect with these settings; without a key, allowed sources or a folder it has no paths at all."""
    return Dialect(
        name=NAME,
        title="imgproxy",
        about="Pictures by URL in imgproxy's grammar, signed with its key and salt.",
        # Its URLs begin with a signature: at the root they are told by what no other API has.
        prefixes=(f"{settings.prefix}/",) if settings.prefix else ("/insecure/",),
        routes=routes(settings),
        narrow_routes=narrow_routes(settings),
        paths=PATHS if settings.is_on else {},
        errors=ERRORS,
        show_error=describe_error,
        exposed_headers=("ETag",),
    )


API = Api(settings=Settings, build=build)

"""The public APIs that this server speaks: one line imports each, one lists it."""

from __future__ import annotations

from typing import Any

from pixlean.config import Environment
from pixlean.web.dialect import Api, Dialect
from pixlean.web.dialects.compressorize import API as COMPRESSORIZE
from pixlean.web.dialects.feather import API as FEATHER
from pixlean.web.dialects.img import API as IMG
from pixlean.web.dialects.imgproxy import API as IMGPROXY
from pixlean.web.dialects.native import API as NATIVE
from pixlean.web.dialects.optipic import API as OPTIPIC
from pixlean.web.dialects.picwish import API as PICWISH
from pixlean.web.dialects.tinify import API as TINIFY

APIS: tuple[Api[Any], ...] = (
    NATIVE,
    FEATHER,
    COMPRESSORIZE,
    OPTIPIC,
    PICWISH,
    TINIFY,
    IMG,
    IMGPROXY,
)


def dialects(environment: Environment) -> tuple[Dialect, ...]:
    """All of them, built with what the operator decided."""
    return tuple(api.build(environment.of(api.settings)) for api in APIS)

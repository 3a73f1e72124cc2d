"""From an OptiPic request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.service.inputs import Upload
from pixlean.web import fields as given
from pixlean.web import settings as web
from pixlean.web.body import read_form
from pixlean.web.dialects.optipic.errors import MissingSides
from pixlean.web.dialects.optipic.settings import Settings

OUTPUTS = ("jpeg", "png", "webp", "avif")
INPUTS = frozenset({Format.JPEG, Format.PNG, Format.APNG, Format.WEBP, Format.AVIF, Format.GIF, Format.HEIC})
MOST_SIDE_PX = 32_768
_QUALITY = 80  # OptiPic's documentation, "/v1/compress"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request for work."""

    origin: Upload
    recipe: Recipe


@contextlib.asynccontextmanager
async def read_asked(
    request: Request, server: web.Settings, settings: Settings, recipe: Callable[[Mapping[str, str]], Recipe]
) -> AsyncIterator[Asked]:
    """An upload, and what ``recipe`` makes of its fields. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith("multipart/form-data") or "boundary=" not in kind:
        raise InvalidRequest("Request must use multipart/form-data", code=ErrorCode.WRONG_MEDIA_TYPE)
    async with read_form(request, server, settings.max_file_bytes) as form:
        upload = form.sent_file
        if upload is None:
            raise InvalidRequest('No "file" field in multipart body', code=ErrorCode.MISSING_FILE)
        fields = {name: value.strip() for name, value in form.fields.items()}
        yield Asked(origin=Upload(upload), recipe=recipe(fields))


def to_compress(fields: Mapping[str, str]) -> Recipe:
    """The recipe of ``/v1/compress``."""
    quality = given.quality(fields)
    return Recipe(
        quality=_QUALITY if quality is None else quality,
        strip_metadata=given.flag(fields, "strip_exif", default=True),
        outputs=given.outputs(fields, "format", OUTPUTS),
    )


def to_convert(fields: Mapping[str, str]) -> Recipe:
    """The recipe of ``/v1/convert``."""
    if not fields.get("to"):
        raise InvalidRequest(f"'to' is needed: {', '.join(OUTPUTS)}")
    return Recipe(quality=_QUALITY, outputs=given.outputs(fields, "to", OUTPUTS))


def to_resize(fields: Mapping[str, str]) -> Recipe:
    """The recipe of ``/v1/resize``."""
    width, height = (given.whole(fields, name, 1, MOST_SIDE_PX) for name in ("width", "height"))
    if width is None and height is None:
        raise MissingSides("Resize requires width or height")
    fit = Fit.EXACT if width is not None and height is not None else Fit.INSIDE
    return Recipe(
        quality=_QUALITY,
        outputs=given.outputs(fields, "format", OUTPUTS),
        edits=Edits(resize=Resize(width_px=width, height_px=height, fit=fit)),
    )

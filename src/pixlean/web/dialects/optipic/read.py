"""From an OptiPic request to our words; the quirks of the API end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.service.inputs import Upload
from pixlean.web import fields as given
from pixlean.web.body import Form, read_form
from pixlean.web.contract import Settings

OUTPUTS = ("jpeg", "png", "webp", "avif")
INPUTS = frozenset({Format.JPEG, Format.PNG, Format.APNG, Format.WEBP, Format.AVIF, Format.GIF, Format.HEIC})
MOST_SIDE_PX = 32_768
_QUALITY = 80  # seeds/optipic.txt, /v1/compress


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request for work; the caller closes ``form``."""

    form: Form
    recipe: Recipe

    @property
    def origin(self) -> Upload:
        """The upload."""
        assert self.form.file is not None
        return Upload(self.form.file)


async def read_compress(request: Request, settings: Settings) -> Asked:
    """``/v1/compress``. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    return await _read(request, settings, _compress)


async def read_convert(request: Request, settings: Settings) -> Asked:
    """``/v1/convert``. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    return await _read(request, settings, _convert)


async def read_resize(request: Request, settings: Settings) -> Asked:
    """``/v1/resize``. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    return await _read(request, settings, _resize)


async def _read(request: Request, settings: Settings, recipe: Callable[[Mapping[str, str]], Recipe]) -> Asked:
    kind = request.headers.get("content-type", "").lower()
    if not kind.startswith("multipart/form-data") or "boundary=" not in kind:
        raise InvalidRequest("Request must use multipart/form-data", code=ErrorCode.WRONG_MEDIA_TYPE)
    form = await read_form(request, settings, settings.optipic_file_bytes)
    try:
        if form.file is None or not form.file_bytes:
            raise InvalidRequest('No "file" field in multipart body', code=ErrorCode.MISSING_FILE)
        return Asked(form=form, recipe=recipe({name: value.strip() for name, value in form.fields.items()}))
    except BaseException:
        form.close()
        raise


def _compress(fields: Mapping[str, str]) -> Recipe:
    quality = given.whole(fields, "quality", 1, 100)
    return Recipe(
        quality=_QUALITY if quality is None else quality,
        strip_metadata=given.flag(fields, "strip_exif", default=True),
        outputs=given.outputs(fields, "format", OUTPUTS),
    )


def _convert(fields: Mapping[str, str]) -> Recipe:
    if not fields.get("to"):
        raise InvalidRequest(f"'to' is needed: {', '.join(OUTPUTS)}")
    return Recipe(quality=_QUALITY, outputs=given.outputs(fields, "to", OUTPUTS))


def _resize(fields: Mapping[str, str]) -> Recipe:
    width, height = (given.whole(fields, name, 1, MOST_SIDE_PX) for name in ("width", "height"))
    if width is None and height is None:
        raise InvalidRequest("Resize requires width or height", code=ErrorCode.MISSING_SIDES)
    fit = Fit.EXACT if width is not None and height is not None else Fit.INSIDE
    return Recipe(
        quality=_QUALITY,
        outputs=given.outputs(fields, "format", OUTPUTS),
        edits=Edits(resize=Resize(width_px=width, height_px=height, fit=fit)),
    )

"""From a Feather request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.requests import Request

from pixlean.domain.edits import Crop, Edits, Resize
from pixlean.domain.errors import BadImage, ErrorCode, InvalidRequest
from pixlean.domain.formats import FORMATS, Format
from pixlean.domain.recipe import EFFORT, Recipe
from pixlean.service.inputs import Upload
from pixlean.web import fields as given
from pixlean.web import settings as web
from pixlean.web.body import Form, read_form
from pixlean.web.dialects.feather.settings import Settings
from pixlean.web.negotiate import names

INPUTS = ("jpeg", "jpg", "png", "webp", "avif", "svg", "heic", "heif", "tiff", "gif", "bmp")
OUTPUTS = ("jpeg", "png", "webp", "avif")
_EXTENSIONS = {*INPUTS, "tif", "apng", "svgz", "jpe", "jfif", "dib", "hif"}
_MEDIA_TYPES = {
    *(row.media_type for name, row in FORMATS.items() if name is not Format.JXL and not row.only_read),
    "image/heif", "image/jpg", "image/pjpeg", "image/x-png", "image/x-ms-bmp", "image/x-bmp", "image/tif",
}  # fmt: skip
_UNDECLARED = {"", "application/octet-stream", "multipart/form-data"}
_MOST_SIDE_PX = 32_768
_MB = 1_048_576


@dataclass(frozen=True, kw_only=True)
class CompressRequest:
    """One ``POST /api/compress`` or ``/api/convert``."""

    origin: Upload
    recipe: Recipe
    negotiated: bool
    stem: str


@contextlib.asynccontextmanager
async def read_compress(
    request: Request, server: web.Settings, settings: Settings, *, convert: bool
) -> AsyncIterator[CompressRequest]:
    """A multipart upload with its fields. Raises ``InvalidRequest``, ``LimitExceeded`` and ``BadImage``."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidRequest("send multipart/form-data with a 'file'")
    async with read_form(request, server, settings.max_upload_bytes) as form:
        upload = form.sent_file
        if upload is None:
            raise InvalidRequest("the 'file' field is missing or empty")
        _check_declared(form)
        fields = {name: value.strip() for name, value in form.fields.items()}
        name = fields.get("outputFormat", "")
        if convert and name in ("", "auto"):
            raise InvalidRequest(f"'outputFormat' is needed, one of {', '.join(OUTPUTS)}")
        outputs = _outputs(name or "auto", request.headers.get("accept", ""))
        recipe = _recipe(fields, outputs, auto=name in ("", "auto"), sized=not convert)
        stem = PurePosixPath(form.file_name.replace("\\", "/")).stem or "image"
        yield CompressRequest(origin=Upload(upload), recipe=recipe, negotiated=name in ("", "auto"), stem=stem)


def _check_declared(form: Form) -> None:
    """What the upload says it is must be something that is read here."""
    ending = PurePosixPath(form.file_name.replace("\\", "/")).suffix.lower().lstrip(".")
    kind = form.media_type.partition(";")[0].strip().lower()
    if (ending and ending not in _EXTENSIONS) or (kind not in _UNDECLARED and kind not in _MEDIA_TYPES):
        raise BadImage(f"only {', '.join(INPUTS)} are read", code=ErrorCode.UNSUPPORTED_FORMAT)


def _outputs(name: str, accept: str) -> tuple[Format, ...]:
    if name == "auto":
        return (Format.WEBP, Format.AVIF) if names(accept, Format.AVIF) else (Format.WEBP,)
    if name == "jpg":
        name = "jpeg"
    if name not in OUTPUTS:
        raise InvalidRequest(f"'outputFormat' must be auto, {', '.join(OUTPUTS)}")
    return (Format(name),)


def _recipe(fields: Mapping[str, str], outputs: tuple[Format, ...], *, auto: bool, sized: bool) -> Recipe:
    mode = fields.get("mode") or "final"
    if mode not in ("final", "preview"):
        raise InvalidRequest("'mode' must be final or preview")
    target_mb = given.number(fields, "targetMB", 0, 1024, above=True)
    quality = given.quality(fields)
    return Recipe(
        quality=80 if quality is None else quality,
        strip_metadata=given.flag(fields, "stripMetadata", default=True),
        progressive_jpeg=given.flag(fields, "progressive", default=None),
        outputs=outputs,
        auto=auto,
        edits=_edits(fields),
        target_bytes=max(1, int(target_mb * _MB)) if target_mb is not None and sized else None,
        effort=given.whole(fields, "effort", EFFORT.least, EFFORT.most),
        preview=mode == "preview",
    )


def _edits(fields: Mapping[str, str]) -> Edits:
    sides = [given.whole(fields, name, 1, _MOST_SIDE_PX) for name in ("maxWidth", "maxHeight")]
    return Edits(
        crop=_crop(fields),
        rotate_degrees=given.number(fields, "rotate", -360, 360) or 0.0,
        flip=given.flag(fields, "flip", default=False),
        flop=given.flag(fields, "flop", default=False),
        resize=Resize(width_px=sides[0], height_px=sides[1]) if any(sides) else None,
        brightness=_factor(fields, "brightness", 0.1, 3),
        saturation=_factor(fields, "saturation", 0, 3),
        contrast=_factor(fields, "contrast", 0.1, 3),
        greyscale=given.flag(fields, "grayscale", default=False),
        blur_sigma=given.number(fields, "blur", 0, 10) or 0.0,
        sharpen=given.flag(fields, "sharpen", default=False),
    )


def _crop(fields: Mapping[str, str]) -> Crop | None:
    sides = [given.whole(fields, name, 0, 1 << 30) for name in ("cropX", "cropY", "cropWidth", "cropHeight")]
    if all(value is None for value in sides):
        return None
    left, top, width, height = sides
    if width is None or height is None or not width or not height:
        raise InvalidRequest("'cropWidth' and 'cropHeight' are needed for a crop")
    return Crop(left_px=left or 0, top_px=top or 0, width_px=width, height_px=height)


def _factor(fields: Mapping[str, str], name: str, least: float, most: float) -> float:
    value = given.number(fields, name, least, most)
    return 1.0 if value is None else value

"""From a Compressorize request to our words; the quirks of the API end here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from pixlean.domain.edits import NO_EDITS, Edits, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.domain.task import Ticket
from pixlean.service.inputs import Link, Origin, Upload
from pixlean.web import fields as given
from pixlean.web.answers import idempotency_key
from pixlean.web.body import Form, read_any
from pixlean.web.contract import Settings

OUTPUTS = ("jpeg", "png", "webp", "avif")
INPUTS = frozenset({Format.JPEG, Format.PNG, Format.APNG, Format.WEBP, Format.AVIF})
MOST_SIDE_PX = 32_768


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One ``POST /api/v1/compress``; the caller closes ``form``."""

    form: Form
    origin: Origin
    ticket: Ticket
    idempotency_key: str | None


async def read_compress(request: Request, settings: Settings) -> Asked:
    """A file or a URL with its parameters. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    same = idempotency_key(request)
    form = await read_any(request, settings, settings.compressorize.max_file_bytes)
    try:
        fields = {name: value.strip() for name, value in form.fields.items()}
        return Asked(
            form=form, origin=_origin(form, fields, settings), ticket=_ticket(fields, settings), idempotency_key=same
        )
    except BaseException:
        form.close()
        raise


def _origin(form: Form, fields: Mapping[str, str], settings: Settings) -> Origin:
    url = fields.get("url", "")
    if form.file is not None and form.file_bytes:
        if url:
            raise InvalidRequest("Send a file or a url, not both", facts={"param": "url"})
        return Upload(form.file)
    if not url:
        raise InvalidRequest("Either file or url is needed", code=ErrorCode.MISSING_FILE)
    return Link(url, most_bytes=settings.compressorize.max_file_bytes)


def _ticket(fields: Mapping[str, str], settings: Settings) -> Ticket:
    sides = [given.whole(fields, name, 1, MOST_SIDE_PX) for name in ("max_width", "max_height")]
    quality = _quality(fields)
    recipe = Recipe(
        quality=settings.default_quality if quality is None else quality,
        smart=quality is None,
        strip_metadata=given.flag(fields, "strip_metadata", default=True),
        outputs=_outputs(fields),
        edits=Edits(resize=Resize(width_px=sides[0], height_px=sides[1])) if any(sides) else NO_EDITS,
    )
    return Ticket(
        recipe=recipe,
        inputs=INPUTS,
        keep_seconds=settings.compressorize.keep_seconds,
        webhook_url=fields.get("webhook_url") or None,
    )


def _quality(fields: Mapping[str, str]) -> int | None:
    """The number, or ``None`` for ``smart``."""
    if fields.get("quality", "smart").lower() in ("smart", ""):
        return None
    try:
        return given.whole(fields, "quality", 1, 100)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"Invalid quality '{fields['quality'][:50]}'. Use: smart, or a whole number from 1 to 100",
            facts=error.facts,
        ) from error


def _outputs(fields: Mapping[str, str]) -> tuple[Format, ...]:
    name = fields.get("format", "auto").lower()
    if name in ("auto", ""):  # auto keeps the format
        return ()
    name = "jpeg" if name == "jpg" else name
    if name not in OUTPUTS:
        raise InvalidRequest(
            f"Invalid format '{fields['format'][:50]}'. Use: jpeg, png, webp, avif, or auto", facts={"param": "format"}
        )
    return (Format(name),)

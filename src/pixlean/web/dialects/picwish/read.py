"""From a PicWish request to our words; the quirks of the API end here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from pixlean.access.tariffs import Meter
from pixlean.domain.edits import NO_EDITS, Edits, Fit, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.domain.task import Ticket
from pixlean.web import fields as given
from pixlean.web.answers import idempotency_key
from pixlean.web.body import Form, read_any
from pixlean.web.contract import Settings

OUTPUTS = ("jpg", "png", "webp")
_OWN = (Format.JPEG, Format.PNG, Format.WEBP)
_MOST_SIDE_PX, _MOST_KBYTE = 8000, 51_200


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One task; the caller closes ``form``."""

    form: Form
    ticket: Ticket
    waits: bool
    idempotency_key: str | None


async def read_task(request: Request, settings: Settings) -> Asked:
    """A file or a URL with its parameters. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    same = idempotency_key(request)
    form = await read_any(request, settings, settings.picwish.max_file_bytes, file_field="image_file")
    try:
        fields = {name: value.strip() for name, value in form.fields.items()}
        return Asked(
            form=form, ticket=_ticket(form, fields, settings), waits=given.whole(fields, "sync", 0, 1) == 1,
            idempotency_key=same,
        )  # fmt: skip
    except BaseException:
        form.close()
        raise


def _ticket(form: Form, fields: Mapping[str, str], settings: Settings) -> Ticket:
    url = fields.get("image_url") or None
    has_file = form.file is not None and form.file_bytes > 0
    if url and has_file:
        raise InvalidRequest("send 'image_url' or 'image_file', not both")
    if not url and not has_file:
        raise InvalidRequest("'image_url' or 'image_file' is needed", code=ErrorCode.MISSING_FILE)
    form_of_answer = given.whole(fields, "return_type", 1, 2) or 1
    return Ticket(
        recipe=_recipe(fields, settings),
        source_url=url,
        most_bytes=settings.picwish.max_file_bytes,
        most_side_px=settings.picwish.max_side_px,
        meter=str(Meter.PICWISH),
        keep_seconds=settings.picwish.keep_seconds,
        notes={"return_type": str(form_of_answer)},
    )


def _recipe(fields: Mapping[str, str], settings: Settings) -> Recipe:
    quality = given.whole(fields, "quality", 1, 100)
    kbyte = given.whole(fields, "kbyte", 0, _MOST_KBYTE)
    if quality is not None and kbyte is not None:
        raise InvalidRequest("send 'quality' or 'kbyte', not both")
    outputs = given.outputs(fields, "format", OUTPUTS)
    if kbyte and outputs == (Format.PNG,):
        raise InvalidRequest("'kbyte' is not supported for PNG output")
    return Recipe(
        quality=settings.default_quality if quality is None else quality,
        outputs=outputs or _OWN,
        stay=not outputs,
        edits=_edits(fields),
        target_bytes=1024 * kbyte if kbyte else None,
    )


def _edits(fields: Mapping[str, str]) -> Edits:
    width, height = (given.whole(fields, name, 0, _MOST_SIDE_PX) or None for name in ("width", "height"))
    if width is None and height is None:
        return NO_EDITS
    fit = Fit.EXACT if width is not None and height is not None else Fit.SCALE
    return Edits(resize=Resize(width_px=width, height_px=height, fit=fit))

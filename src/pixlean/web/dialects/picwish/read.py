"""From a PicWish request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request

from pixlean.domain.caller import Caller
from pixlean.domain.edits import NO_EDITS, Edits, Fit, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format, detect, still_of
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.task import Ticket
from pixlean.service.inputs import Link, Origin, Upload
from pixlean.service.submit import FINGERPRINT
from pixlean.web import fields as given
from pixlean.web import settings as web
from pixlean.web.answers import fingerprint, idempotency_key
from pixlean.web.body import Form, read_any
from pixlean.web.dialects.picwish.settings import PRICE, Settings

NAME = "picwish"
OUTPUTS = ("jpg", "png", "webp")
_OWN = (Format.JPEG, Format.PNG, Format.WEBP)
_SIZED = (Format.JPEG, Format.WEBP)
_HEAD_BYTES = 1 << 16
_MOST_SIDE_PX, _MOST_KBYTE = 8000, 51_200


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One task."""

    origin: Origin
    ticket: Ticket
    waits: bool
    idempotency_key: str | None


@contextlib.asynccontextmanager
async def read_task(request: Request, server: web.Settings, settings: Settings, caller: Caller) -> AsyncIterator[Asked]:
    """A file or a URL with its parameters. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    same = idempotency_key(request)
    async with read_any(request, server, settings.max_file_bytes, file_field="image_file") as form:
        fields = {name: value.strip() for name, value in form.fields.items()}
        ticket = _ticket(fields, server.default_quality, settings, caller)
        if same is not None:
            ticket = replace(ticket, notes={**ticket.notes, FINGERPRINT: await fingerprint(request, form)})
        asked = Asked(
            origin=_origin(form, fields, settings), ticket=ticket,
            waits=given.whole(fields, "sync", 0, 1) == 1, idempotency_key=same,
        )  # fmt: skip
        if isinstance(asked.origin, Upload):
            check_png(asked.ticket, asked.origin.file)
        yield asked


def check_png(ticket: Ticket, picture: MemoryFile) -> None:
    """A PNG that would stay one is not fitted to a size (PicWish's "Guidelines and Limits", 5).

    Raises ``InvalidRequest``.
    """
    recipe = ticket.recipe
    if recipe.target_bytes is None or not recipe.stay:
        return
    name = detect(picture.read_head(_HEAD_BYTES))
    if name is not None and still_of(name) is Format.PNG:
        raise InvalidRequest("'kbyte' is not supported for PNG output: name another 'format'")


def _origin(form: Form, fields: Mapping[str, str], settings: Settings) -> Origin:
    url = fields.get("image_url")
    if url and form.sent_file is not None:
        raise InvalidRequest("send 'image_url' or 'image_file', not both")
    if url:
        return Link(url, most_bytes=settings.max_file_bytes)
    if form.sent_file is None:
        raise InvalidRequest("'image_url' or 'image_file' is needed", code=ErrorCode.MISSING_FILE)
    return Upload(form.sent_file)


def _ticket(fields: Mapping[str, str], default_quality: int, settings: Settings, caller: Caller) -> Ticket:
    form_of_answer = given.whole(fields, "return_type", 1, 2) or 1
    return Ticket(
        api=NAME,
        key_id=caller.key_id,
        recipe=_recipe(fields, default_quality),
        source_url=fields.get("image_url") or None,
        most_bytes=settings.max_file_bytes,
        most_side_px=settings.max_side_px,
        price=PRICE,
        keep_seconds=settings.keep_seconds,
        notes={"return_type": str(form_of_answer)},
    )


def _recipe(fields: Mapping[str, str], default_quality: int) -> Recipe:
    quality = given.quality(fields)
    kbyte = given.whole(fields, "kbyte", 0, _MOST_KBYTE)
    if quality is not None and kbyte is not None:
        raise InvalidRequest("send 'quality' or 'kbyte', not both")
    outputs = given.outputs(fields, "format", OUTPUTS)
    if kbyte and outputs == (Format.PNG,):
        raise InvalidRequest("'kbyte' is not supported for PNG output: name another 'format'")
    return Recipe(
        quality=default_quality if quality is None else quality,
        outputs=outputs or (_SIZED if kbyte else _OWN),
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

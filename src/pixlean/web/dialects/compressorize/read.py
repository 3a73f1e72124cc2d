"""From a Compressorize request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request

from pixlean.domain.caller import Caller
from pixlean.domain.edits import NO_EDITS, Edits, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.domain.task import Ticket
from pixlean.service.inputs import Link, Origin, Upload
from pixlean.service.submit import FINGERPRINT
from pixlean.web import fields as given
from pixlean.web import settings as web
from pixlean.web.answers import fingerprint, idempotency_key
from pixlean.web.body import Form, read_any
from pixlean.web.dialects.compressorize.settings import Settings

NAME = "compressorize"
OUTPUTS = ("jpeg", "png", "webp", "avif")
INPUTS = frozenset({Format.JPEG, Format.PNG, Format.APNG, Format.WEBP, Format.AVIF})
MOST_SIDE_PX = 32_768


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One ``POST /api/v1/compress``."""

    origin: Origin
    ticket: Ticket
    idempotency_key: str | None


@contextlib.asynccontextmanager
async def read_compress(
    request: Request, server: web.Settings, settings: Settings, caller: Caller
) -> AsyncIterator[Asked]:
    """A file or a URL with its parameters. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    same = idempotency_key(request)
    async with read_any(request, server, settings.max_file_bytes) as form:
        fields = {name: value.strip() for name, value in form.fields.items()}
        origin = _origin(form, fields, settings)
        ticket = _ticket(fields, server.default_quality, settings, caller)
        if same is not None:
            ticket = replace(ticket, notes={FINGERPRINT: await fingerprint(request, form)})
        yield Asked(origin=origin, ticket=ticket, idempotency_key=same)


def _origin(form: Form, fields: Mapping[str, str], settings: Settings) -> Origin:
    url = fields.get("url", "")
    if form.sent_file is not None:
        if url:
            raise InvalidRequest("Send a file or a url, not both", facts={"param": "url"})
        return Upload(form.sent_file)
    if not url:
        raise InvalidRequest("Either file or url is needed", code=ErrorCode.MISSING_FILE)
    return Link(url, most_bytes=settings.max_file_bytes)


def _ticket(fields: Mapping[str, str], default_quality: int, settings: Settings, caller: Caller) -> Ticket:
    sides = [given.whole(fields, name, 1, MOST_SIDE_PX) for name in ("max_width", "max_height")]
    quality = _quality(fields)
    recipe = Recipe(
        quality=default_quality if quality is None else quality,
        smart=quality is None,
        strip_metadata=given.flag(fields, "strip_metadata", default=True),
        outputs=_outputs(fields),
        edits=Edits(resize=Resize(width_px=sides[0], height_px=sides[1])) if any(sides) else NO_EDITS,
    )
    return Ticket(
        api=NAME,
        key_id=caller.key_id,
        recipe=recipe,
        inputs=INPUTS,
        keep_seconds=settings.keep_seconds,
        webhook_url=fields.get("webhook_url") or None,
    )


def _quality(fields: Mapping[str, str]) -> int | None:
    """The number, or ``None`` for ``smart``."""
    if fields.get("quality", "smart").lower() in ("smart", ""):
        return None
    try:
        return given.quality(fields)
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

"""From a native request to our words; the quirks of the API end here."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from pixlean.domain.errors import AccessDenied, ErrorCode, InvalidRequest, PixleanError
from pixlean.domain.recipe import Recipe
from pixlean.web.body import Form, parse_object, read_form, read_json
from pixlean.web.contract import Settings

_LATER = {"format", "max_width", "max_height", "target_size", "min_score", "effort"}


@dataclass(frozen=True, kw_only=True)
class OptimizeRequest:
    """One ``POST /optimize``: an uploaded form, which the caller closes, or a URL; and the recipe."""

    recipe: Recipe
    form: Form | None = None
    url: str = ""


def check_key(request: Request, settings: Settings) -> None:
    """Bearer authentication; none in dev mode. Raises ``AccessDenied``."""
    if not settings.api_key:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), settings.api_key.encode())
    if scheme.lower() != "bearer" or not same:
        raise AccessDenied("a valid API key is needed: Authorization: Bearer <api-key>")


async def read_optimize(request: Request, settings: Settings) -> OptimizeRequest:
    """A multipart upload or a JSON body with a URL. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await _read_url(request, settings)
    if kind != "multipart/form-data":
        raise InvalidRequest("send multipart/form-data with a 'file', or JSON with a 'url'")
    form = await read_form(request, settings)
    try:
        if form.file is None:
            raise InvalidRequest("the 'file' field is missing")
        if not form.file_bytes:
            raise InvalidRequest("the 'file' is empty")
        options = parse_object(form.fields["options"], "'options'") if form.fields.get("options") else {}
        return OptimizeRequest(form=form, recipe=_recipe(options, settings))
    except BaseException:
        form.close()
        raise


async def _read_url(request: Request, settings: Settings) -> OptimizeRequest:
    body = await read_json(request, settings)
    url = body.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest("the JSON body needs 'url', a string")
    return OptimizeRequest(recipe=_recipe(body, settings), url=url)


def _recipe(options: dict[str, Any], settings: Settings) -> Recipe:
    wanted = options.get("optimization")
    if wanted is None:
        wanted = {}
    if not isinstance(wanted, dict):
        raise InvalidRequest("'optimization' must be an object")
    if options.get("storage") is not None:
        raise PixleanError(
            "'storage' is not part of this version yet; leave it out to get the image", code=ErrorCode.NOT_IMPLEMENTED
        )
    later = sorted(name for name in _LATER & wanted.keys() if wanted[name] is not None)
    if later:
        raise PixleanError(f"'{later[0]}' is not part of this version yet", code=ErrorCode.NOT_IMPLEMENTED)
    return Recipe(
        quality=_whole(wanted, "quality", settings.default_quality, 1, 100),
        strip_metadata=_flag(wanted, "strip_metadata", default=True),
        progressive_jpeg=_flag(wanted, "progressive_jpeg", default=False),
        png_lossy=_flag(wanted, "png_lossy", default=True),
        max_reduction=_number(wanted, "max_reduction", 0, 100),
    )


def _whole(wanted: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = wanted.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(f"'{name}' must be a whole number from {least} to {most}")
    return value


def _flag(wanted: dict[str, Any], name: str, *, default: bool) -> bool:
    value = wanted.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false")
    return value


def _number(wanted: dict[str, Any], name: str, least: float, most: float) -> float | None:
    value = wanted.get(name)
    if value is None:
        return None
    good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not good or not least <= value <= most:
        raise InvalidRequest(f"'{name}' must be a number from {least:g} to {most:g}, or null")
    return float(value)

"""From a native request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from pixlean.domain.delivery import Delivery, Provider, normal_path
from pixlean.domain.edits import NO_EDITS, Edits, Resize
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import EFFORT, PERCENT, QUALITY, SCORE, TARGET_BYTES, Range, Recipe
from pixlean.service.inputs import Link, Origin, Upload
from pixlean.web import fields as given
from pixlean.web.body import Form, parse_object, read_form, read_json
from pixlean.web.dialects.native import warn
from pixlean.web.fields import Default
from pixlean.web.negotiate import OUTPUTS, acceptable
from pixlean.web.settings import Settings

# Preset: quality, and whether PNGs may lose.
_PRESETS = {"high": (40, True), "medium": (60, True), "low": (75, False)}
_DEFAULT_PRESET = "medium"
_SIDE_PX = Range(1, 32_768)


@dataclass(frozen=True, kw_only=True)
class OptimizeRequest:
    """One ``POST /optimize``; ``unread`` tells of fields that have no effect, ``reports`` that all is to be told."""

    origin: Origin
    recipe: Recipe
    delivery: Delivery | None = None
    reports: bool = False
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EstimateRequest:
    """One ``POST /estimate``; ``alternatives`` where other formats are asked for too, ``unread`` as above."""

    origin: Origin
    recipe: Recipe
    thumbnail_url: str | None = None
    file_bytes: int | None = None
    alternatives: bool = False
    unread: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def read_optimize(request: Request, settings: Settings) -> AsyncIterator[OptimizeRequest]:
    """A multipart upload or a JSON body with a URL. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    accept = request.headers.get("accept", "")
    if _is_json(request):
        body = await read_json(request, settings)
        yield OptimizeRequest(
            origin=Link(_url(body, "url")),
            recipe=_recipe(_optimization(body), settings, accept),
            delivery=_delivery(body),
            reports=_flag(body, "report", default=False),
            unread=warn.in_object(body, ("url", "optimization", "storage", "report")),
        )
        return
    async with read_form(request, settings) as form:
        upload, options = _upload(form), _options(form)
        recipe, delivery = _recipe(_optimization(options), settings, accept), _delivery(options)
        reports = _flag(options, "report", default=False)
        unread = warn.in_optimize_form(form.fields) + warn.in_object(options, ("optimization", "storage", "report"))
        yield OptimizeRequest(origin=upload, recipe=recipe, delivery=delivery, reports=reports, unread=unread)


@contextlib.asynccontextmanager
async def read_estimate(request: Request, settings: Settings) -> AsyncIterator[EstimateRequest]:
    """A multipart upload or a JSON body with a URL; a preset beats options. Raises as ``read_optimize`` does."""
    accept = request.headers.get("accept", "")
    if _is_json(request):
        body = await read_json(request, settings)
        thumbnail_url = _url(body, "thumbnail_url") if body.get("thumbnail_url") is not None else None
        file_bytes = _whole(body, "file_size", 0, TARGET_BYTES) if body.get("file_size") is not None else None
        yield EstimateRequest(
            origin=Link(_url(body, "url")),
            recipe=_estimate_recipe(body.get("preset"), _optimization(body), "optimization" in body, settings, accept),
            thumbnail_url=thumbnail_url,
            file_bytes=file_bytes,
            alternatives=_flag(body, "alternatives", default=False),
            unread=warn.in_object(
                body, ("url", "preset", "optimization", "thumbnail_url", "file_size", "alternatives")
            ),
        )
        return
    async with read_form(request, settings) as form:
        upload, options = _upload(form), _options(form)
        # Clients that send what they send to /optimize mean the same.
        wanted = _optimization(options) if isinstance(options.get("optimization"), dict) else options
        recipe = _estimate_recipe(form.fields.get("preset") or None, wanted, bool(options), settings, accept)
        unread = warn.in_estimate_form(form.fields) + warn.in_bare_options(options)
        others = given.flag(form.fields, "alternatives", default=False)
        yield EstimateRequest(origin=upload, recipe=recipe, alternatives=others, unread=unread)


@dataclass(frozen=True, kw_only=True)
class InfoRequest:
    """One ``POST /info``; ``unread`` as above."""

    origin: Origin
    unread: tuple[str, ...] = ()


@contextlib.asynccontextmanager
async def read_info(request: Request, settings: Settings) -> AsyncIterator[InfoRequest]:
    """A multipart upload or a JSON body with a URL. Raises as ``read_optimize`` does."""
    if _is_json(request):
        body = await read_json(request, settings)
        yield InfoRequest(origin=Link(_url(body, "url")), unread=warn.in_object(body, ("url",)))
        return
    async with read_form(request, settings) as form:
        yield InfoRequest(origin=_upload(form), unread=warn.in_info_form(form.fields))


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return True
    if kind != "multipart/form-data":
        raise InvalidRequest("send multipart/form-data with a 'file', or JSON with a 'url'")
    return False


def _upload(form: Form) -> Upload:
    if form.file is None:
        raise InvalidRequest("the 'file' field is missing")
    if not form.file.size_bytes:
        raise InvalidRequest("the 'file' is empty")
    if form.fields.get("url"):
        raise InvalidRequest("send a 'file' or a 'url', not both")
    return Upload(form.file)


def _options(form: Form) -> dict[str, Any]:
    return parse_object(form.fields["options"], "'options'") if form.fields.get("options") else {}


def _url(body: dict[str, Any], name: str) -> str:
    url = body.get(name)
    if not isinstance(url, str) or not url:
        raise InvalidRequest(f"the JSON body needs '{name}', a string")
    return url


def _optimization(options: dict[str, Any]) -> dict[str, Any]:
    wanted = options.get("optimization")
    if wanted is None:
        return {}
    if not isinstance(wanted, dict):
        raise InvalidRequest("'optimization' must be an object")
    return wanted


def _delivery(options: dict[str, Any]) -> Delivery | None:
    wanted = options.get("storage")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise InvalidRequest("'storage' must be an object")
    provider = wanted.get("provider")
    if provider not in list(Provider):
        raise InvalidRequest(f"'storage.provider' must be one of {', '.join(Provider)}")
    bucket, path, project = (wanted.get(name) for name in ("bucket", "path", "project"))
    for name, value in (("bucket", bucket), ("path", path)):
        if not isinstance(value, str) or not value:
            raise InvalidRequest(f"'storage.{name}' must be a string")
    if project is not None and (not isinstance(project, str) or not re.fullmatch(r"[A-Za-z0-9.:_-]{1,100}", project)):
        raise InvalidRequest("'storage.project' must be a project id, or null")
    return Delivery(
        provider=Provider(str(provider)),
        bucket=str(bucket),
        path=normal_path(str(path), "storage.path"),
        project=project,
        public=_flag(wanted, "public", default=False),
    )


def _estimate_recipe(preset: Any, wanted: dict[str, Any], has_options: bool, settings: Settings, accept: str) -> Recipe:
    """The recipe of a preset, or of the options where no preset is named; both missing is the preset ``medium``."""
    if preset is None and has_options:
        return _recipe(wanted, settings, accept)
    if preset is not None and (not isinstance(preset, str) or preset.lower() not in _PRESETS):
        raise InvalidRequest(f"'preset' must be one of {', '.join(_PRESETS)}")
    _recipe(wanted, settings, accept)  # a preset beats options, but wrong ones are told
    quality, png_lossy = _PRESETS[preset.lower() if preset else _DEFAULT_PRESET]
    return Recipe(quality=quality, png_lossy=png_lossy)


def _recipe(wanted: dict[str, Any], settings: Settings, accept: str) -> Recipe:
    outputs = _outputs(wanted.get("format"), accept)
    sides = [_optional(wanted, name, _SIDE_PX) for name in ("max_width", "max_height")]
    return Recipe(
        quality=_whole(wanted, "quality", settings.default_quality, QUALITY),
        strip_metadata=_flag(wanted, "strip_metadata", default=True),
        progressive_jpeg=_flag(wanted, "progressive_jpeg", default=None),
        png_lossy=_flag(wanted, "png_lossy", default=True),
        max_reduction=_number(wanted, "max_reduction", PERCENT),
        outputs=outputs,
        auto=wanted.get("format") == "auto",
        edits=Edits(resize=Resize(width_px=sides[0], height_px=sides[1])) if any(sides) else NO_EDITS,
        target_bytes=_optional(wanted, "target_size", TARGET_BYTES),
        min_score=_number(wanted, "min_score", SCORE),
        effort=_optional(wanted, "effort", EFFORT),
    )


def _outputs(name: Any, accept: str) -> tuple[Format, ...]:
    if name is None:
        return ()
    if name == "auto":
        return acceptable(accept)
    if name == "jpg":
        name = "jpeg"
    if name not in list(OUTPUTS):
        raise InvalidRequest(f"'format' must be auto or one of {', '.join(OUTPUTS)}")
    return (Format(name),)


def _optional(wanted: dict[str, Any], name: str, allowed: Range) -> int | None:
    return None if wanted.get(name) is None else _whole(wanted, name, allowed.least, allowed)


def _whole(wanted: dict[str, Any], name: str, default: int, allowed: Range) -> int:
    value = wanted.get(name, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not allowed.least <= value <= allowed.most:
        raise InvalidRequest(f"'{name}' must be a whole number from {allowed.least} to {allowed.most}")
    return value


def _flag(wanted: dict[str, Any], name: str, *, default: Default) -> bool | Default:
    if name not in wanted:
        return default
    value = wanted[name]
    if not isinstance(value, bool):
        raise InvalidRequest(f"'{name}' must be true or false")
    return value


def _number(wanted: dict[str, Any], name: str, allowed: Range) -> float | None:
    value = wanted.get(name)
    if value is None:
        return None
    good = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    if not good or not allowed.least <= value <= allowed.most:
        raise InvalidRequest(f"'{name}' must be a number from {allowed.least} to {allowed.most}, or null")
    return float(value)

"""From a Tinify request to our words; the quirks of the API end here."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from pixlean.domain.delivery import Credentials, Delivery, Provider, normal_path
from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Keep, Recipe
from pixlean.service.inputs import Link, Origin, Upload
from pixlean.web.body import parse_object, read_raw
from pixlean.web.settings import Settings

_OUTPUTS = {
    "image/avif": Format.AVIF,
    "image/webp": Format.WEBP,
    "image/jpeg": Format.JPEG,
    "image/jpg": Format.JPEG,
    "image/png": Format.PNG,
    "image/jxl": Format.JXL,
}
# What "the smallest of any" may be: formats that browsers show.
_ANY = (Format.AVIF, Format.WEBP, Format.JPEG, Format.PNG)
_FITS = {"fit": Fit.INSIDE, "scale": Fit.INSIDE, "cover": Fit.COVER, "thumb": Fit.THUMB}
_MOST_SIDE_PX = 32_768
_COMMANDS_BYTES = 1 << 20
_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0)}
_STORED_HEADERS = {"cache-control": "Cache-Control", "expires": "Expires"}


@dataclass(frozen=True, kw_only=True)
class Commands:
    """What ``/output/{id}`` is asked for: ``recipe`` where new bytes must be made, ``counted`` how many units that is.

    Resizing and converting count one each (tinify.com's reference: "one additional compression").
    """

    recipe: Recipe | None
    delivery: Delivery | None
    counted: int


@contextlib.asynccontextmanager
async def read_shrink(request: Request, settings: Settings) -> AsyncIterator[Origin]:
    """A file as the body, or JSON with a URL. Raises ``InvalidRequest`` and ``LimitExceeded``."""
    async with read_raw(request, settings) as body:
        if not body.size_bytes:
            raise InvalidRequest("Input file is empty", code=ErrorCode.MISSING_FILE)
        is_json = request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
        if is_json and body.read_head(64).lstrip()[:1] == b"{":
            yield Link(_source_url(_object(body)))
        else:
            yield Upload(body)


async def read_commands(request: Request, settings: Settings) -> Commands:
    """The JSON body of ``/output/{id}``, of a GET too; none at all is no command. Raises ``InvalidRequest``."""
    async with read_raw(request, settings) as body:
        commands = _object(body) if body.size_bytes else {}
    unknown = commands.keys() - {"resize", "convert", "transform", "preserve", "store"}
    if unknown:
        raise InvalidRequest(f"unknown command '{min(unknown)[:50]}'")
    resize = _resize(commands["resize"]) if "resize" in commands else None
    outputs = _outputs(commands["convert"]) if "convert" in commands else ()
    ground = _ground(commands)
    keep = _keep(commands["preserve"]) if "preserve" in commands else ()
    changed = resize is not None or bool(outputs) or ground is not None or bool(keep)
    recipe = Recipe(
        quality=settings.default_quality,
        outputs=outputs,
        edits=Edits(resize=resize, ground=ground),
        background=ground or (255, 255, 255),
        keep=keep,
    )
    return Commands(
        recipe=recipe if changed else None,
        delivery=_delivery(commands["store"]) if "store" in commands else None,
        counted=(resize is not None) + bool(outputs),
    )


def _object(body: MemoryFile) -> dict[str, Any]:
    if body.size_bytes > _COMMANDS_BYTES:
        raise InvalidRequest("the body is too long")
    return parse_object(body.read_all(), "the body")


def _source_url(body: Mapping[str, Any]) -> str:
    source = body.get("source")
    url = source.get("url") if isinstance(source, dict) else None
    if not isinstance(url, str) or not url:
        raise InvalidRequest("'source.url' is needed, a string")
    return url


def _dictionary(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{name}' must be an object")
    return value


def _resize(value: Any) -> Resize:
    wanted = _dictionary(value, "resize")
    method = wanted.get("method")
    if not isinstance(method, str) or method not in _FITS:
        raise InvalidRequest(f"'resize.method' must be one of {', '.join(_FITS)}")
    sides = {name: _side(wanted, name) for name in ("width", "height")}
    given = [side for side in sides.values() if side is not None]
    if method == "scale" and len(given) != 1:
        raise InvalidRequest("'resize' by scale takes a 'width' or a 'height', not both")
    if method != "scale" and len(given) != 2:
        raise InvalidRequest(f"'resize' by {method} takes a 'width' and a 'height'")
    return Resize(width_px=sides["width"], height_px=sides["height"], fit=_FITS[method], enlarge=False)


def _side(wanted: Mapping[str, Any], name: str) -> int | None:
    value = wanted.get(name)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_SIDE_PX:
        raise InvalidRequest(f"'resize.{name}' must be a whole number from 1 to {_MOST_SIDE_PX}")
    return value


def _outputs(value: Any) -> tuple[Format, ...]:
    kinds = _dictionary(value, "convert").get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(kinds, list) or not kinds or not all(isinstance(kind, str) for kind in kinds):
        raise InvalidRequest("'convert.type' is needed: a media type, or several")
    wanted = {kind.strip().lower() for kind in kinds}
    if wanted & {"*/*", "image/*"}:
        return _ANY
    if not wanted <= _OUTPUTS.keys():
        raise InvalidRequest(f"'convert.type' must be one or several of */*, {', '.join(_OUTPUTS)}")
    return tuple(dict.fromkeys(_OUTPUTS[kind] for kind in _OUTPUTS if kind in wanted))


def _ground(commands: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """The colour of ``transform``, whose only word it is, else the one that ``convert`` may name too."""
    if "transform" in commands:
        return _colour(_dictionary(commands["transform"], "transform").get("background"), "transform")
    if "convert" in commands and commands["convert"].get("background") is not None:
        return _colour(commands["convert"]["background"], "convert")
    return None


def _colour(colour: Any, command: str) -> tuple[int, int, int]:
    if isinstance(colour, str) and colour.strip().lower() in _COLOURS:
        return _COLOURS[colour.strip().lower()]
    if not isinstance(colour, str) or not re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", colour.strip()):
        raise InvalidRequest(f"'{command}.background' must be white, black or a colour such as #FF8800")
    digits = colour.strip()[1:]
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


def _keep(value: Any) -> tuple[Keep, ...]:
    kinds = [value] if isinstance(value, str) else value
    if not isinstance(kinds, list) or not all(isinstance(kind, str) and kind in list(Keep) for kind in kinds):
        raise InvalidRequest(f"'preserve' takes a list of {', '.join(Keep)}")
    return tuple(each for each in Keep if each in kinds)


def _delivery(value: Any) -> Delivery:
    wanted = _dictionary(value, "store")
    service = wanted.get("service")
    if service not in ("s3", "gcs"):
        raise InvalidRequest("'store.service' must be s3 or gcs")
    bucket, _, path = _text(wanted, "path").lstrip("/").partition("/")
    if not path:
        raise InvalidRequest("'store.path' must be a bucket and a path in it")
    acl = wanted.get("acl", "no-acl")
    if acl not in ("no-acl", "public-read"):
        raise InvalidRequest("'store.acl' must be no-acl or public-read")
    if service == "gcs":
        credentials = Credentials(secret=_text(wanted, "gcp_access_token"))
    else:
        region = _text(wanted, "region")
        if not re.fullmatch(r"[a-z0-9-]{1,40}", region):
            raise InvalidRequest("'store.region' is no region of S3")
        credentials = Credentials(
            key_id=_text(wanted, "aws_access_key_id"),
            secret=_text(wanted, "aws_secret_access_key"),
            session_token=_text(wanted, "aws_session_token") if "aws_session_token" in wanted else "",
            region=region,
        )
    return Delivery(
        provider=Provider(service),
        bucket=bucket,
        path=normal_path(path, "store.path"),
        public=acl == "public-read",
        credentials=credentials,
        headers=_stored_headers(wanted.get("headers", {})),
    )


def _text(wanted: Mapping[str, Any], name: str) -> str:
    value = wanted.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"[^\x00-\x1f\x7f]{1,4096}", value):
        raise InvalidRequest(f"'store.{name}' is needed, a string")
    return value


def _stored_headers(value: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for name, text in _dictionary(value, "store.headers").items():
        if name.lower() not in _STORED_HEADERS:
            raise InvalidRequest(f"'store.headers' takes {' and '.join(_STORED_HEADERS.values())}, not {name[:50]!r}")
        if not isinstance(text, str) or not re.fullmatch(r"[\x20-\x7e]{1,1000}", text):
            raise InvalidRequest(f"'store.headers' has no valid value for {name[:50]!r}")
        found.append((_STORED_HEADERS[name.lower()], text))
    return tuple(found)

"""What the operator decides of pictures by URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pixlean.domain.errors import InvalidRequest
from pixlean.domain.settings import Kind, flag, one_of, setting, whole
from pixlean.web.dialects.img.options import Presets, checked

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_FORM = "name:options, separated by semicolons, such as thumb:w=200,h=200,fit=cover; hero:w=1600,f=auto"


def _presets(given: str) -> Presets:
    made: dict[str, Mapping[str, str]] = {}
    for part in filter(None, (each.strip() for each in given.split(";"))):
        name, _, text = part.partition(":")
        if not _NAME.fullmatch(name.strip()):
            raise ValueError(_FORM)
        try:
            made[name.strip()] = checked(text.strip())
        except InvalidRequest as error:
            raise ValueError(f"{name.strip()}: {error.message}") from error
    return Presets(made)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be asked for, and how it is answered; sources, keys and lifetimes belong to other rooms."""

    is_open: bool = setting(
        "IMG_UNSIGNED", "false", flag(), "take the word unsigned in place of a signature: anybody may ask for any size"
    )
    presets: Presets = setting("IMG_PRESETS", "", Kind(read=_presets), f"named options: {_FORM}")
    only_presets: bool = setting("IMG_ONLY_PRESETS", "false", flag(), "take presets by name and no other options")
    shows_originals: bool = setting(
        "IMG_ORIGINALS", "true", flag(),
        "send the original, in its full size, where the queue is full or time is over; false where only what was "
        "signed may be seen",
    )  # fmt: skip
    client_hints: bool = setting(
        "IMG_CLIENT_HINTS", "false", flag(), "let the headers DPR, Width and Save-Data decide where options don't"
    )
    errors: str = setting("IMG_ERRORS", "json", one_of("json", "picture"), "how errors are shown: json or picture")
    error_seconds: int = setting(
        "IMG_ERROR_MAX_AGE", "0", whole(0, 86_400), "seconds that answers to wrong URLs may be cached; 0 is never"
    )
    tells_work: bool = setting(
        "IMG_DEBUG", "false", flag(), "headers that tell how a picture came to be: method, sizes, score, times"
    )

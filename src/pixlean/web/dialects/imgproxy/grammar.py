"""A URL taken apart: options with their arguments, the source, and the extension."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from pixlean.domain.errors import InvalidRequest, NotThere

_PRESET_NAMES = ("preset", "pr")
_MOST_DEPTH = 8
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """``options`` by their order, each a name and its arguments; ``extension`` is "" where none is written."""

    options: tuple[tuple[str, tuple[str, ...]], ...]
    source: str
    extension: str


def taken_apart(path: str, presets: Mapping[str, str], *, only_presets: bool) -> Parts:
    """What follows the signature, without its first slash. Raises ``NotThere``: it is no URL of this grammar."""
    segments = path.split("/")
    if only_presets:
        names, rest = segments[0].split(":"), segments[1:]
        options = tuple(option for name in names for option in _of_preset(name, presets, 0))
    else:
        count = next((at for at, segment in enumerate(segments) if ":" not in unquote(segment)), len(segments))
        rest = segments[count:]
        options = tuple(option for segment in segments[:count] for option in _options(segment, presets, 0))
    if "default" in presets:
        options = (*_of_preset("default", presets, 0), *options)
    source, extension = _source(rest)
    return Parts(options=options, source=source, extension=extension)


def _options(segment: str, presets: Mapping[str, str], depth: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    name, *arguments = unquote(segment).split(":")
    if name not in _PRESET_NAMES:
        return ((name, tuple(arguments)),)
    return tuple(option for each in arguments for option in _of_preset(each, presets, depth))


def _of_preset(name: str, presets: Mapping[str, str], depth: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if name not in presets or depth > _MOST_DEPTH:
        raise NotThere(f"unknown preset: {name[:40]}")
    parts = filter(None, presets[name].split("/"))
    return tuple(option for part in parts for option in _options(part, presets, depth + 1))


def _source(segments: list[str]) -> tuple[str, str]:
    if not segments or segments == [""]:
        raise NotThere("the URL names no source")
    if segments[0] == "plain":
        # Only what is not encoded parts the extension from the source.
        text, _, extension = "/".join(segments[1:]).partition("@")
        source = unquote(text)
    elif segments[0] == "enc":
        raise InvalidRequest("encrypted sources are not done here")
    else:
        encoded, _, extension = "".join(segments).partition(".")
        try:
            padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
            source = base64.b64decode(padded, b"-_", validate=True).decode()
        except (ValueError, binascii.Error) as error:
            raise NotThere("the source is no URL-safe base64") from error
    if not source or (extension and not _EXTENSION.fullmatch(extension)):
        raise NotThere("the URL names no source, or no extension")
    return source, extension.lower()

"""A URL taken apart: options with their arguments, the source, and the extension."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from pixlean.domain.errors import InvalidRequest, NotThere, PixleanError

_PRESET_NAMES = ("preset", "pr")
_MOST_DEPTH = 8
# What may stand before a source that is not in base64.
_SOURCES = _PLAIN, _ENCRYPTED = ("plain", "enc")
Option = tuple[str, tuple[str, ...]]
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """``options`` by their order, each a name and its arguments; ``extension`` is "" where none is written."""

    options: tuple[Option, ...]
    source: str
    extension: str


def taken_apart(path: str, presets: Mapping[str, str], separator: str, *, only_presets: bool) -> Parts:
    """What follows the signature, without its first slash. Raises ``NotThere``: it is no URL of this grammar."""
    segments, known = path.split("/"), _Presets(presets, separator)
    if only_presets:
        names, rest = segments[0].split(separator), segments[1:]
        options = tuple(option for name in names for option in known.preset(name))
    else:
        count = next((at for at, segment in enumerate(segments) if separator not in unquote(segment)), len(segments))
        rest = segments[count:]
        options = tuple(option for segment in segments[:count] for option in known.options(segment))
    if "default" in presets:
        options = (*known.preset("default"), *options)
    source, extension = _source(rest)
    return Parts(options=options, source=source, extension=extension)


def is_of_grammar(path: str, separator: str) -> bool:
    """Whether what follows a signature can be nothing but options and a source of this grammar."""
    first, *rest = (unquote(segment) for segment in path.split("/"))
    return first in _SOURCES or separator in first or rest[:1] in ([name] for name in _SOURCES) or _is_encoded(path)


def _is_encoded(path: str) -> bool:
    try:
        return ":" in _source(path.split("/"))[0]
    except PixleanError:
        return False


@dataclass(frozen=True)
class _Presets:
    """Options with their arguments, and those that presets stand for."""

    rows: Mapping[str, str]
    separator: str

    def options(self, segment: str, depth: int = 0) -> tuple[Option, ...]:
        name, *arguments = unquote(segment).split(self.separator)
        if name not in _PRESET_NAMES:
            return ((name, tuple(arguments)),)
        return tuple(option for each in arguments for option in self.preset(each, depth))

    def preset(self, name: str, depth: int = 0) -> tuple[Option, ...]:
        if name not in self.rows or depth > _MOST_DEPTH:
            raise NotThere(f"unknown preset: {name[:40]}")
        parts = filter(None, self.rows[name].split("/"))
        return tuple(option for part in parts for option in self.options(part, depth + 1))


def _source(segments: list[str]) -> tuple[str, str]:
    if not segments or segments == [""]:
        raise NotThere("the URL names no source")
    if segments[0] == _PLAIN:
        # Only what is not encoded parts the extension from the source.
        text, _, extension = "/".join(segments[1:]).partition("@")
        source = unquote(text)
    elif segments[0] == _ENCRYPTED:
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

"""Text fields of forms as values; every fault names its field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import QUALITY

Default = TypeVar("Default", bool, None)
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def quality(fields: Mapping[str, str]) -> int | None:
    """The field ``quality``, as ``whole`` reads it."""
    return whole(fields, "quality", QUALITY.least, QUALITY.most)


def whole(fields: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """A whole number, ``None`` where the field is missing or empty. Raises ``InvalidRequest``."""
    text = fields.get(name, "")
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,10}(\.0*)?", text) or not least <= int(float(text)) <= most:
        raise InvalidRequest(f"'{name}' must be a whole number from {least} to {most}", facts={"param": name})
    return int(float(text))


def number(fields: Mapping[str, str], name: str, least: float, most: float, *, above: bool = False) -> float | None:
    """A number, ``None`` where the field is missing or empty; ``above`` leaves ``least`` out."""
    text = fields.get(name, "")
    if not text:
        return None
    try:
        value = float(text) if len(text) <= 30 else math.nan
    except ValueError:
        value = math.nan
    if not least <= value <= most or (above and value == least):
        raise InvalidRequest(f"'{name}' must be a number from {least:g} to {most:g}", facts={"param": name})
    return value


def flag(fields: Mapping[str, str], name: str, *, default: Default) -> bool | Default:
    """True or false in the words that forms use. Raises ``InvalidRequest``."""
    text = fields.get(name, "").lower()
    if text not in _TRUE | _FALSE | {""}:
        raise InvalidRequest(f"'{name}' must be true or false", facts={"param": name})
    return default if not text else text in _TRUE


def outputs(fields: Mapping[str, str], name: str, known: Sequence[str]) -> tuple[Format, ...]:
    """A format's name as a recipe's outputs, none where the field is missing. Raises ``InvalidRequest``."""
    text = fields.get(name, "").lower()
    if not text:
        return ()
    if text not in known and {"jpg": "jpeg", "jpeg": "jpg"}.get(text) not in known:
        raise InvalidRequest(f"Invalid {name} '{fields[name][:50]}'. Use: {', '.join(known)}", facts={"param": name})
    return (Format("jpeg" if text == "jpg" else text),)

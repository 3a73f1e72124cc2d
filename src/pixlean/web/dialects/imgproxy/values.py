"""The arguments of options as values; every fault says what was given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pixlean.domain.edits import CENTRE, Anchor
from pixlean.domain.errors import InvalidRequest, NotThere

Arguments = Sequence[str]
ON, OFF = ("1", "t", "true"), ("0", "f", "false", "")
_COMPASS: Mapping[str, Anchor] = {
    "ce": CENTRE, "no": (0.5, 0.0), "so": (0.5, 1.0), "we": (0.0, 0.5), "ea": (1.0, 0.5),
    "nowe": (0.0, 0.0), "noea": (1.0, 0.0), "sowe": (0.0, 1.0), "soea": (1.0, 1.0),
}  # fmt: skip


def anchor(arguments: Arguments) -> Anchor | None:
    """A gravity: the point that stays in view, ``None`` for what draws attention."""
    name, *numbers = arguments or ("",)
    if name == "sm":
        return None
    if name == "fp":
        shares = [number(text) for text in numbers]
        if len(shares) != 2 or not all(0 <= share <= 1 for share in shares):
            raise NotThere("a focus point is two numbers from 0 to 1")
        return shares[0], shares[1]
    if name not in _COMPASS:
        raise NotThere(f"invalid gravity: {name[:40]}")
    if any(number(text or "0", negative=True) for text in numbers):
        raise InvalidRequest("offsets of a gravity are not done here")
    return _COMPASS[name]


def few(arguments: Arguments, most: int) -> list[str]:
    """The arguments, made as many as an option takes. Raises ``NotThere`` where there are more."""
    if len(arguments) > most:
        raise NotThere(f"too many arguments: {':'.join(arguments)[:40]}")
    return [*arguments, *("",) * (most - len(arguments))]


def whole(text: str, most: int) -> int:
    """A whole number from 0 on."""
    if not re.fullmatch(r"\d{1,15}", text) or int(text) > most:
        raise NotThere(f"not a number from 0 to {most}: {text[:40]}")
    return int(text)


def number(text: str, *, negative: bool = False) -> float:
    """A number from 0 on, or any."""
    if not re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?" if negative else r"\d{1,9}(\.\d{1,9})?", text):
        raise NotThere(f"not a number: {text[:40]}")
    return float(text)


def flag(text: str) -> bool:
    """1 or 0."""
    if text not in (*ON, *OFF):
        raise NotThere(f"neither 1 nor 0: {text[:40]}")
    return text in ON

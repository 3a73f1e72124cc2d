"""The arguments of options as values; every fault says what was given."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pixlean.domain.edits import CENTRE, NO_SHIFT, Anchor, Shift
from pixlean.domain.errors import NotThere

Arguments = Sequence[str]
ON, OFF = ("1", "t", "true"), ("0", "f", "false", "")
_COMPASS: Mapping[str, Anchor] = {
    "ce": CENTRE, "no": (0.5, 0.0), "so": (0.5, 1.0), "we": (0.0, 0.5), "ea": (1.0, 0.5),
    "nowe": (0.0, 0.0), "noea": (1.0, 0.0), "sowe": (0.0, 1.0), "soea": (1.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Gravity:
    """The point that stays in view, ``None`` for what draws attention, and how far what is kept lies from there."""

    anchor: Anchor | None = CENTRE
    shift: Shift = NO_SHIFT

    def before_turning(self, degrees: int) -> Gravity:
        """The same place in a picture that is then turned clockwise by so many degrees."""
        if self.anchor is None:
            return self
        (x, y), (across, down) = self.anchor, self.shift
        for _ in range(degrees // 90 % 4):
            (x, y), (across, down) = (y, 1 - x), (down, -across)
        return Gravity((x, y), (across, down))


CENTRED = Gravity()


def gravity(arguments: Arguments) -> Gravity:
    """A place by the compass with its offsets, a focus point, or what draws attention."""
    name, *numbers = arguments or ("",)
    if name == "sm":
        return Gravity(None)
    if name == "fp":
        shares = [number(text) for text in numbers]
        if len(shares) != 2 or not all(0 <= share <= 1 for share in shares):
            raise NotThere("a focus point is two numbers from 0 to 1")
        return Gravity((shares[0], shares[1]))
    if name not in _COMPASS:
        raise NotThere(f"invalid gravity: {name[:40]}")
    across, down = (number(text or "0", negative=True) for text in few(numbers, 2))
    x, y = _COMPASS[name]
    # Offsets lead away from the side that is named.
    return Gravity((x, y), (-across if x == 1 else across, -down if y == 1 else down))


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


def moment(arguments: Arguments) -> int:
    """Seconds since 1970."""
    return whole(few(arguments, 1)[0], 1 << 40)


def check_time(expires_at: int) -> None:
    """Raise ``NotThere`` after the moment at which a URL ends; 0 is never."""
    if expires_at and time.time() > expires_at:
        raise NotThere("the URL has expired")


def colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue of three or six hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}", text):
        raise NotThere(f"not a colour in hexadecimal digits: {text[:40]}")
    red, green, blue = bytes.fromhex(text if len(text) == 6 else "".join(2 * digit for digit in text))
    return red, green, blue

"""How a room tells its settings: each once, with its variable, default, unit, sentence and check.

A setting is a field of a frozen dataclass, in the house's units; what the environment calls it and how it is written
there stands beside it. ``pixlean.config`` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Generic, TypeVar

_Value = TypeVar("_Value")
Network = IPv4Network | IPv6Network
_TRUE, _FALSE = ("true", "1", "yes", "on", "t", "y"), ("false", "0", "no", "off", "f", "n")
_KEY = "variable"


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[_Value]):
    """How a setting is written: ``read`` makes a value of the text, or raises ``ValueError`` that says what it takes.

    A ``secret`` one is never printed.
    """

    read: Callable[[str], _Value]
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Variable:
    """One environment variable: its name, its default as it would be written, and a sentence with its unit."""

    name: str
    default: str
    sentence: str
    kind: Kind[Any]


def setting(name: str, default: str, kind: Kind[_Value], sentence: str) -> _Value:
    """A field of a dataclass that an environment variable sets; ``default`` is written as it would be there."""
    variable = Variable(name=name, default=default, sentence=sentence, kind=kind)
    return field(default=kind.read(default), metadata={_KEY: variable}, repr=not kind.secret)


def variables(room: type[Any]) -> Iterator[tuple[str, Variable]]:
    """The fields of a room's settings that variables set, with these."""
    for each in fields(room):
        if _KEY in each.metadata:
            yield each.name, each.metadata[_KEY]


def text(check: Callable[[str], str] = str) -> Kind[str]:
    """Any text, or what ``check`` makes of one."""
    return Kind(read=lambda given: check(given) if given else "")


def secret(check: Callable[[str], str] = str) -> Kind[str]:
    """A text that nobody may see."""
    return Kind(read=lambda given: check(given) if given else "", secret=True)


def secrets(check: Callable[[str], str] = str) -> Kind[tuple[str, ...]]:
    """Texts that nobody may see, comma-separated."""
    return Kind(read=lambda given: tuple(check(part) for part in _parts(given)), secret=True)


def whole(least: int, most: int | None = None, *, times: int = 1) -> Kind[int]:
    """A whole number from ``least`` to ``most``, in units of ``times`` of ours."""

    def read(given: str) -> int:
        value = int(given) if re.fullmatch(r"[+-]?\d{1,20}", given.strip()) else None
        if value is None or value < least or (most is not None and value > most):
            raise ValueError(f"a whole number {_between(least, most)}")
        return value * times

    return Kind(read=read)


def number(above: float = 0.0, most: float | None = None, *, divided_by: float = 1.0) -> Kind[float]:
    """A number above one and at most another, in units of which ``divided_by`` make one of ours."""
    return Kind(read=lambda given: _number(given, above, most) / divided_by)


def megabytes(most: float) -> Kind[int]:
    """Bytes, written as a number of MB of 1 048 576 bytes, above 0."""
    return Kind(read=lambda given: int(_number(given, 0.0, most) * (1 << 20)))


def milliseconds(least: int, most: int) -> Kind[float]:
    """Seconds, written as a whole number of milliseconds."""
    return Kind(read=lambda given: whole(least, most).read(given) / 1000)


def flag() -> Kind[bool]:
    """True or false."""

    def read(given: str) -> bool:
        if given.strip().lower() not in (*_TRUE, *_FALSE):
            raise ValueError("true or false")
        return given.strip().lower() in _TRUE

    return Kind(read=read)


def listed() -> Kind[tuple[str, ...]]:
    """Words, comma-separated."""
    return Kind(read=_parts)


def pauses(most_seconds: float) -> Kind[tuple[float, ...]]:
    """Numbers of seconds, comma-separated."""

    def read(given: str) -> tuple[float, ...]:
        try:
            found = tuple(float(part) for part in _parts(given))
        except ValueError:
            found = (-1.0,)
        if not all(0 <= seconds <= most_seconds for seconds in found):
            raise ValueError("seconds, comma-separated")
        return found

    return Kind(read=read)


def networks() -> Kind[tuple[Network, ...]]:
    """A comma-separated CIDR list."""
    return Kind(read=lambda given: tuple(ip_network(part, strict=False) for part in _parts(given)))


def beginning(*beginnings: str, form: str) -> Callable[[str], str]:
    """A check for ``text`` and ``secret``: one of these beginnings; ``form`` says how it is written."""

    def check(given: str) -> str:
        if not given.startswith(beginnings):
            raise ValueError(form)
        return given

    return check


def one_of(*words: str) -> Kind[str]:
    """One of some words."""

    def check(given: str) -> str:
        if given not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return given

    return text(check)


def web_address(given: str) -> str:
    """A check for ``text``: an http or https URL, kept without the slash at its end."""
    return beginning("http://", "https://", form="an http or https URL")(given).rstrip("/")


def _number(given: str, above: float, most: float | None) -> float:
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not value > above or (most is not None and value > most):
        raise ValueError(f"a number above {above:g}" + ("" if most is None else f", at most {most:g}"))
    return value


def _between(least: int, most: int | None) -> str:
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _parts(given: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",") if part.strip())

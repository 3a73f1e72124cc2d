"""Options folded into what they say together: the same for pictures and for what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pixlean.domain.errors import InvalidRequest, NotThere
from pixlean.web.dialects.imgproxy.grammar import Option
from pixlean.web.dialects.imgproxy.values import Arguments

_Said = TypeVar("_Said")


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Options that are known and not done, unless all their arguments are ``idle``; ``words`` say what is not done."""

    names: Collection[str]
    idle: Collection[str]
    words: str


def folded(
    options: Sequence[Option],
    said: _Said,
    readers: Mapping[str, Callable[[_Said, Arguments], _Said]],
    refused: Refused,
) -> _Said:
    """What they say together; of two that say the same the later counts.

    Raises ``NotThere`` for what is no option or argument, ``InvalidRequest`` for what is not done here.
    """
    for name, arguments in options:
        if name in refused.names:
            if any(text not in refused.idle for text in arguments):
                raise InvalidRequest(f"'{name}' {refused.words}")
        elif name not in readers:
            raise NotThere(f"unknown option: {name[:40]}")
        else:
            said = readers[name](said, arguments)
    return said

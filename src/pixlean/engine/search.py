"""The only search: the knob value whose size obeys a bound, generic over codecs."""

from __future__ import annotations

from collections.abc import Callable


def largest_under(
    encode: Callable[[float], bytes], *, low: float, high: float, at_least_bytes: int, tries: int = 7
) -> tuple[float, bytes] | None:
    """The smallest result that is not smaller than ``at_least_bytes``, by bisection between two knob values.

    ``low`` is the value that gives small files, ``high`` the one that gives large ones; size must grow from one to
    the other. ``None`` where even ``high`` is too small.
    """
    best: tuple[float, bytes] | None = None
    ends = (low, high)
    for number in range(tries):
        value = ends[1] if number == 0 else (low + high) / 2
        made = encode(value)
        if len(made) >= at_least_bytes:
            if best is None or len(made) < len(best[1]):
                best = (value, made)
            high = value
            if len(made) <= at_least_bytes * 1.01:
                break
        elif number == 0:
            return None
        else:
            low = value
    return best

"""The only searches: the knob value whose size or score obeys a bound, generic over codecs."""

from __future__ import annotations

import math
from collections.abc import Callable

from pixlean.imaging.worth import Curve


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


def follow(curve: Curve, at: float) -> float:
    """The height of a rising curve of straight pieces; beyond its ends the end pieces go on."""
    piece = next((number for number in range(1, len(curve)) if at <= curve[number][0]), len(curve) - 1)
    (left, low), (right, high) = curve[piece - 1], curve[piece]
    return low + (at - left) / (right - left) * (high - low)


def lowest_reaching(
    measure: Callable[[float], float], *, target: float, usual: Curve, low: float, high: float, slack: float,
    tries: int = 4, step: float = 1.0, guess: float | None = None, goes_on: Callable[[], bool] = lambda: True,
) -> float:  # fmt: skip
    """The lowest knob value, of those ``step`` apart, whose measure is at least ``target``.

    ``usual`` says what values usually measure: what is measured lies above or below it by an amount that hardly
    changes, so each measurement moves the curve, and the next value is where the moved curve meets the target. Ends
    when a value lies within ``slack`` above the target, after ``tries``, or where it no longer ``goes_on``; the value
    with the best measure where none reaches it.
    """
    inverse = tuple((height, at) for at, height in usual)
    aim = target + slack / 2
    seen: dict[float, float] = {}
    value = min(high, max(low, _at_step(follow(inverse, aim) if guess is None else guess, step, round)))
    for _ in range(tries):
        seen[value] = measure(value)
        # Nearer than one step of the knob there is nothing to be found.
        least = follow(usual, value) - follow(usual, value - step)
        if target <= seen[value] <= target + max(slack, least) or not goes_on():
            break
        following = _following(seen, aim, usual, inverse, step)
        following = min(high, max(low, following))
        if following in seen:
            break
        value = following
    reaching = [value for value, measured in seen.items() if measured >= target]
    return min(reaching) if reaching else max(seen, key=lambda value: seen[value])


def _at_step(value: float, step: float, nearest: Callable[[float], int]) -> float:
    # Rounded once more, so that equal values are equal numbers.
    return round(nearest(value / step) * step, 6)


def _following(seen: dict[float, float], aim: float, usual: Curve, inverse: Curve, step: float) -> float:
    """Where the usual curve, moved through what was measured, meets ``aim``."""
    below = max((value for value in seen if seen[value] < aim), default=None)
    above = min((value for value in seen if seen[value] >= aim), default=None)
    if below is None or above is None:
        nearest = min(seen, key=lambda value: abs(seen[value] - aim))
        lowest, highest = min(seen), max(seen)
        rise = follow(usual, highest) - follow(usual, lowest)
        steepness = min(3.0, max(0.3, (seen[highest] - seen[lowest]) / rise)) if rise else 1.0
        reached = follow(inverse, follow(usual, nearest) + (aim - seen[nearest]) / steepness)
        return _at_step(reached, step, math.ceil)
    if above <= below + 1.01 * step:
        return above
    expected = follow(usual, below), follow(usual, above)
    share = (aim - seen[below]) / ((seen[above] - seen[below]) or 1.0)
    at = follow(inverse, expected[0] + share * (expected[1] - expected[0]))
    return _at_step(min(above - step, max(below + step, _at_step(at, step, math.ceil))), step, round)


def _growth(seen: dict[int, int], usual: float) -> float:
    """By how much the logarithm of the size grows with a step: as measured, or as usual."""
    if len(seen) < 2:
        return usual
    first, last = min(seen), max(seen)
    return max(0.004, math.log(seen[last] / seen[first]) / (last - first))


def highest_under(
    size_of: Callable[[int], int], *, most_bytes: int, guess: int, low: int, high: int, close: float = 0.95,
    tries: int = 5, growth: float = 0.03,
) -> tuple[int, int] | None:  # fmt: skip
    """The highest knob value whose size is at most ``most_bytes``, and that size, by interpolating logarithms.

    ``growth`` is how much the logarithm of the size usually grows with a step: 0.03 for the quality of an encoder. Ends
    when a size lies between ``close`` times the bound and the bound. ``None`` where no value tried obeys.
    """
    seen: dict[int, int] = {}
    value = min(high, max(low, guess))
    for _ in range(tries):
        seen[value] = size_of(value)
        if close * most_bytes <= seen[value] <= most_bytes or (value == high and seen[value] <= most_bytes):
            break
        if value == low and seen[value] > most_bytes:
            break
        below = max((each for each in seen if seen[each] <= most_bytes), default=None)
        above = min((each for each in seen if seen[each] > most_bytes), default=None)
        aim = math.log(most_bytes * (1 + close) / 2)
        if below is not None and above is not None:
            if above <= below + 1:
                break
            rise = math.log(seen[above] / seen[below]) or 1e-9
            at = below + (aim - math.log(seen[below])) / rise * (above - below)
            value = min(above - 1, max(below + 1, round(at)))
        else:
            value = min(high, max(low, value + round((aim - math.log(seen[value])) / _growth(seen, growth))))
        if value in seen:
            break
    obeying = [each for each in seen if seen[each] <= most_bytes]
    return (max(obeying), seen[max(obeying)]) if obeying else None


def minimum_bytes(original_bytes: int, max_reduction: float | None) -> int:
    """The size below which a result would exceed ``max_reduction`` per cent."""
    if max_reduction is None:
        return 0
    return -int(-(original_bytes * (100 - max_reduction) / 100) // 1)

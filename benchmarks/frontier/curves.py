"""Bytes at equal look: read off the points by interpolation, compared as geometric means over pictures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.frontier.points import Point

SCORES = (60.0, 75.0, 85.0)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """An encoder's bytes over the baseline's; ``pictures`` are those where both reach the look."""

    value: float
    pictures: int


def bytes_at(points: Iterable[Point], look: float, of: Callable[[Point], float | None]) -> float | None:
    """The size at which a curve reaches ``look``: linear in the logarithm of bytes between two neighbours.

    ``None`` where the curve does not reach it: nothing is extrapolated. Where a curve passes the look more than once
    the smallest size counts: so would a search that ends there.
    """
    known = sorted((point.size_bytes, value) for point in points if (value := of(point)) is not None)
    for (size, value), (next_size, next_value) in pairwise(known):
        low, high = sorted((value, next_value))
        if low <= look <= high and value != next_value:
            share = (look - value) / (next_value - value)
            return math.exp(math.log(size) + share * (math.log(next_size) - math.log(size)))
    return None


def score_of(point: Point) -> float | None:
    """SSIMULACRA2: higher is better."""
    return point.score


def distance_of(point: Point) -> float | None:
    """Butteraugli's 3-norm: lower is better."""
    return point.butteraugli


def at_equal_score(points: list[Point], name: str, baseline: str, score: float) -> Ratio | None:
    """``name`` against ``baseline`` at one SSIMULACRA2."""
    looks = dict.fromkeys({point.picture for point in points}, score)
    return _ratio(points, name, baseline, looks, score_of)


def at_equal_distance(points: list[Point], name: str, baseline: str, score: float) -> Ratio | None:
    """``name`` against ``baseline`` at the Butteraugli distance that the baseline has where its score is ``score``."""
    looks = {}
    for picture in {point.picture for point in points}:
        own = sorted(_curve(points, picture, baseline), key=lambda point: point.score)
        for point, after in pairwise(own):
            if point.score <= score <= after.score and point.butteraugli and after.butteraugli:
                share = (score - point.score) / (after.score - point.score)
                looks[picture] = point.butteraugli + share * (after.butteraugli - point.butteraugli)
    return _ratio(points, name, baseline, looks, distance_of)


def _ratio(
    points: list[Point], name: str, baseline: str, looks: dict[str, float], of: Callable[[Point], float | None]
) -> Ratio | None:
    found = []
    for picture, look in looks.items():
        ours, theirs = (bytes_at(_curve(points, picture, each), look, of) for each in (name, baseline))
        if ours is not None and theirs is not None:
            found.append(ours / theirs)
    return Ratio(value=statistics.geometric_mean(found), pictures=len(found)) if found else None


def _curve(points: list[Point], picture: str, name: str) -> list[Point]:
    return [point for point in points if point.picture == picture and point.encoder == name]


def cpu_per_megapixel(points: list[Point], name: str) -> float:
    """Median seconds of CPU from PNG to file."""
    return statistics.median(point.cpu_seconds / point.megapixels for point in points if point.encoder == name)

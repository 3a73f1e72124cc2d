"""The searches on curves of their own: they find what obeys, in few tries."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as any_of

from pixlean.engine.search import follow, highest_under, lowest_reaching

USUAL = ((30, 45.0), (60, 65.0), (90, 85.0))


@given(
    start=any_of.floats(20, 60),
    rise=any_of.floats(0.25, 0.7),
    bend=any_of.floats(0, 0.003),
    guess=any_of.integers(30, 95),
)
def test_the_lowest_quality_that_reaches_a_score_is_found_in_four_tries(
    start: float, rise: float, bend: float, guess: int
) -> None:
    asked: list[int] = []

    def measure(quality: int) -> float:
        asked.append(quality)
        return start + rise * quality + bend * quality**2

    curve = [start + rise * quality + bend * quality**2 for quality in range(100)]
    target = curve[50]
    found = lowest_reaching(measure, target=target, usual=USUAL, low=5, high=99, slack=1.2, guess=guess)
    assert len(asked) <= 4 and curve[found] >= target and curve[found] <= target + 6


def test_where_no_quality_reaches_the_best_one_is_taken() -> None:
    assert lowest_reaching(lambda quality: quality / 2, target=90, usual=USUAL, low=5, high=99, slack=1) == 99


@given(
    small=any_of.floats(2_000, 50_000),
    growth=any_of.floats(0.012, 0.06),
    wanted=any_of.integers(35, 90),
    guess=any_of.integers(30, 92),
)
def test_the_highest_quality_under_a_size_is_found_and_never_above_it(
    small: float, growth: float, wanted: int, guess: int
) -> None:
    def size_of(quality: int) -> int:
        return round(small * math.exp(growth * quality))

    most = size_of(wanted)
    found = highest_under(size_of, most_bytes=most, guess=guess, low=30, high=92)
    assert found is not None and found[1] <= most
    assert found[1] >= 0.9 * most or found[0] in (wanted - 1, wanted, 92)


def test_nothing_fits_a_size_that_no_quality_has() -> None:
    assert highest_under(lambda quality: 1000 + quality, most_bytes=100, guess=60, low=30, high=92) is None


def test_a_curve_goes_on_beyond_its_ends() -> None:
    assert [follow(USUAL, at) for at in (0, 30, 45, 90, 105)] == [25.0, 45.0, 55.0, 85.0, 95.0]

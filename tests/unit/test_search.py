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
    step=any_of.sampled_from([0.1, 0.5, 1.0, 1.6]),
)
def test_the_lowest_quality_that_reaches_a_score_is_found_in_four_tries(
    start: float, rise: float, bend: float, guess: int, step: float
) -> None:
    asked: list[float] = []

    def score(quality: float) -> float:
        return start + rise * quality + bend * quality**2

    def measure(quality: float) -> float:
        asked.append(quality)
        return score(quality)

    target = score(50)
    found = lowest_reaching(measure, target=target, usual=USUAL, low=5, high=99, slack=0.4, step=step, guess=guess)
    assert len(asked) <= 4 and len(set(asked)) == len(asked)
    # A curve as steep as the usual one is landed on; what is left is a steep curve that was begun far away.
    assert target <= score(found) <= target + 6
    assert abs(found / step - round(found / step)) < 1e-6 or found in (5, 99)


def test_what_lies_within_a_step_of_the_wanted_score_is_not_searched_further() -> None:
    asked: list[float] = []

    def measure(quality: float) -> float:
        asked.append(quality)
        return 66.0

    lowest_reaching(measure, target=65, usual=USUAL, low=5, high=99, slack=0.4, step=1.6, guess=60)
    assert asked == [60.8]


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

"""Several formats for a large picture: only those that can win encode all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import graphic, photo, saved
from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.domain.recipe import Recipe
from pixlean.engine import contest
from pixlean.engine.compress import compress
from pixlean.engine.search import lowest_reaching

BOTH = Recipe(quality=60, outputs=(Format.WEBP, Format.AVIF), stay=False)


def large() -> Image.Image:
    """A photograph of 1.7 megapixels, with the grain that a camera would give it."""
    whole = np.asarray(photo().resize((1500, 1125), Image.Resampling.BICUBIC)).astype(int)
    grain = np.random.default_rng(1).normal(0, 3, whole.shape)
    return Image.fromarray((whole + grain).clip(0, 255).astype(np.uint8))


def encoded(outcome: pixlean.Outcome) -> list[str]:
    return [each.method for each in outcome.report.attempts if each.size_bytes is not None]


@pytest.mark.slow
def test_a_format_that_loses_on_a_part_of_a_large_picture_does_not_encode_all_of_it() -> None:
    data = saved(large(), "JPEG", quality=95)
    outcome = compress(data, BOTH)
    alone = {
        name: compress(data, Recipe(quality=60, outputs=(name,), stay=False, min_score=outcome.score))
        for name in BOTH.outputs
    }
    assert outcome.format == min(alone, key=lambda name: len(alone[name].data))
    assert len({method.split()[0] for method in encoded(outcome)}) == 1
    (beaten,) = [each for each in outcome.report.attempts if each.dropped]
    assert "on a part of the picture" in str(beaten.dropped) and "% less" in str(beaten.dropped)


@pytest.mark.parametrize("picture", [photo, graphic])
def test_small_pictures_and_drawings_are_encoded_in_every_format(picture: object) -> None:
    outcome = compress(saved(picture(), "PNG"), BOTH)  # type: ignore[operator]
    assert {method.split()[0] for method in encoded(outcome)} >= {"webp", "avif"}


def test_a_search_ends_where_no_time_is_left_for_another_try() -> None:
    seen: list[int] = []

    def measure(quality: int) -> float:
        seen.append(quality)
        return 10.0

    usual = ((0.0, 0.0), (100.0, 100.0))
    lowest_reaching(measure, target=70, usual=usual, low=5, high=99, slack=1.0, goes_on=lambda: len(seen) < 2)
    assert len(seen) == 2


@pytest.mark.parametrize("quick", [Format.WEBP, Format.AVIF])
def test_where_all_would_take_too_long_the_quickest_format_is_tried(
    monkeypatch: pytest.MonkeyPatch, quick: Format
) -> None:
    """An encoder can't be interrupted: begun without the time for it, it would cost the request."""
    told = contest._told

    def timed(part: object, target: Format, deadline: Deadline) -> object:
        # What each takes on this machine, at this moment, is no matter here.
        return replace(told(part, target, deadline), seconds=50.0 if target is quick else 70.0)  # type: ignore[arg-type]

    monkeypatch.setattr(contest, "_told", timed)
    outcome = compress(saved(large(), "JPEG", quality=95), BOTH, deadline=Deadline.after(60))
    (late,) = [each for each in outcome.report.attempts if each.dropped]
    assert outcome.format is quick and late.method != str(quick) and late.dropped == "would take too long"

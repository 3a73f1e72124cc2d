"""The library's face: estimate and score beside compress."""

from __future__ import annotations

import pytest

import pixlean
from pictures import every_format, photo, saved
from pixlean.codecs import webp
from pixlean.domain.recipe import Recipe


def test_an_estimate_is_near_what_compress_makes() -> None:
    data = saved(photo().resize((900, 700)), "JPEG", quality=95)
    guess, made = pixlean.estimate(data, quality=60), pixlean.compress(data, quality=60)
    assert abs(guess.reduction_percent - made.reduction_percent) < 3
    with pytest.raises(ValueError, match="quality"):
        pixlean.estimate(data, quality=0)


def test_a_score_is_of_what_a_viewer_shows() -> None:
    data = saved(photo(), "PNG")
    assert pixlean.score(data, data) == pytest.approx(100, abs=0.01)
    good, bad = (saved(photo(), "JPEG", quality=quality) for quality in (92, 15))
    assert 50 < pixlean.score(data, good) < 100 and pixlean.score(data, bad) < pixlean.score(data, good) - 10
    with pytest.raises(ValueError, match="sizes"):
        pixlean.score(data, saved(photo().resize((64, 64)), "PNG"))
    with pytest.raises(pixlean.PixleanError):
        pixlean.score(data, b"no picture")


def test_a_webp_that_scores_too_low_gets_a_second_quality_and_not_otherwise() -> None:
    info = pixlean.probe(every_format()["webp"])
    first, second = [
        trial for trial in webp.CODEC.trials(info, Recipe(quality=75)) if trial.loss.floor_score is not None
    ]
    assert first.knob is not None and second.knob is not None and second.knob.low > first.knob.low == 75
    # One candidate below the size of the original makes the second one pointless.
    assert first.unless_below is None and second.unless_below == 1.0

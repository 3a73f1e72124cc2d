"""What every codec promises, on real pixels, through the library's face."""

from __future__ import annotations

import pytest

import pixlean
from pictures import FORMATS, every_format
from pixlean.domain.errors import BadImage, LimitExceeded
from pixlean.domain.formats import Format, detect
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_known_by_its_own_bytes_and_no_other(name: str) -> None:
    assert {other: detect(data) for other, data in every_format().items()}[name] == Format(name)
    assert pixlean.probe(every_format()[name]).format == Format(name)


@pytest.mark.parametrize("quality", [40, 60, 75])
@pytest.mark.parametrize("name", FORMATS)
def test_a_result_is_smaller_of_the_same_size_and_frames(name: str, quality: int) -> None:
    data = every_format()[name]
    outcome = pixlean.compress(data, quality=quality)
    before, after = pixlean.probe(data), pixlean.probe(outcome.data)
    assert len(outcome.data) <= len(data)
    assert after.displayed_px == before.displayed_px
    assert (after.frames, after.pages, after.loop_count) == (before.frames, before.pages, before.loop_count)
    assert after.durations_ms == before.durations_ms
    assert not after.metadata
    if quality == 40:
        assert len(outcome.data) < len(data), outcome.attempts


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_input_twice_gives_the_same_bytes(name: str) -> None:
    data = every_format()[name]
    assert pixlean.compress(data, quality=60).data == pixlean.compress(data, quality=60).data


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_file_is_a_bad_image(name: str, share: float) -> None:
    data = every_format()[name]
    with pytest.raises(BadImage):
        pixlean.compress(data[: int(len(data) * share)])


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.startswith("svg")])
def test_too_many_pixels_are_refused_from_the_header(name: str) -> None:
    with pytest.raises(LimitExceeded, match="max_"):
        compress(every_format()[name], Recipe(), Limits(max_pixels=100, max_canvas_pixels=100))


@pytest.mark.parametrize("name", FORMATS)
def test_optimising_a_result_again_does_not_wear_it_down(name: str) -> None:
    once = pixlean.compress(every_format()[name], quality=60)
    twice = pixlean.compress(once.data, quality=60)
    assert len(twice.data) >= 0.9 * len(once.data), (once.method, twice.method)


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif", "heic", "jxl"])
def test_max_reduction_is_never_exceeded(name: str) -> None:
    outcome = pixlean.compress(every_format()[name], quality=30, max_reduction=20.0)
    assert 0 <= outcome.reduction_percent <= 20.0
    assert outcome.reduction_percent > 5, outcome.attempts


def test_bytes_that_are_no_picture_are_refused() -> None:
    for junk in (b"", b"x", b"hello world" * 100, b"%PDF-1.7", b"\0" * 4096):
        with pytest.raises(BadImage, match=r"empty|no supported"):
            pixlean.compress(junk)

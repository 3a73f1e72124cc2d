"""Plan, pick, search and the metric, by tables."""

from __future__ import annotations

import numpy as np
import pytest

from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.outcome import Candidate
from pixlean.domain.recipe import Recipe, Strength
from pixlean.engine.pick import by_preference
from pixlean.engine.plan import make_plan
from pixlean.engine.search import largest_under
from pixlean.engine.trials import minimum_bytes


@pytest.mark.parametrize(
    ("quality", "strength"),
    [
        (1, Strength.HIGH),
        (49, Strength.HIGH),
        (50, Strength.MEDIUM),
        (69, Strength.MEDIUM),
        (70, Strength.LOW),
        (100, Strength.LOW),
    ],
)
def test_quality_maps_to_strength(quality: int, strength: Strength) -> None:
    assert Recipe(quality=quality).strength is strength


def info(**facts: object) -> ImageInfo:
    return ImageInfo(**{"width_px": 100, "height_px": 100, "mode": "RGB", **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "recipe", "methods"),
    [
        ({"format": Format.PNG}, Recipe(quality=60), [*["libimagequant + oxipng"] * 2, "oxipng", "metadata-strip"]),
        ({"format": Format.PNG}, Recipe(quality=100), ["oxipng", "metadata-strip"]),
        ({"format": Format.PNG}, Recipe(quality=40, png_lossy=False), ["oxipng", "metadata-strip"]),
        ({"format": Format.PNG, "bit_depth": 16}, Recipe(quality=40), ["oxipng", "metadata-strip"]),
        ({"format": Format.APNG, "frames": 3}, Recipe(quality=40), ["oxipng", "metadata-strip"]),
        (
            {"format": Format.JPEG, "jpeg_quality": 95},
            Recipe(quality=80),
            ["jpegli", "jpegli-transcode", "metadata-strip"],
        ),
        ({"format": Format.JPEG, "jpeg_quality": 70}, Recipe(quality=80), ["jpegli-transcode", "metadata-strip"]),
        ({"format": Format.JPEG, "keep": frozenset({"gain_map"})}, Recipe(), ["metadata-strip"]),
        ({"format": Format.WEBP, "lossless": True}, Recipe(quality=80), ["libwebp (lossless)", "metadata-strip"]),
        ({"format": Format.AVIF, "keep": frozenset({"sequence"})}, Recipe(quality=40), ["metadata-strip"]),
        ({"format": Format.JXL, "keep": frozenset({"jpeg_transcode"})}, Recipe(quality=40), ["metadata-strip"]),
        ({"format": Format.BMP}, Recipe(quality=80), ["bmp-rle8", "bmp-palette", "bmp-rgb24"]),
    ],
)
def test_a_plan_tries_what_the_header_allows(facts: dict[str, object], recipe: Recipe, methods: list[str]) -> None:
    plan = make_plan(info(**facts), recipe)
    assert [trial.method for trial in plan.trials] == methods


def candidate(size: int, rank: int, *, keeps: bool = True) -> Candidate:
    return Candidate(data=b"x" * size, trial=None, rank=rank, method=str(rank), keeps_promises=keeps)


def test_the_smaller_wins_then_the_earlier_and_a_broken_promise_never() -> None:
    ranked = by_preference([candidate(5, 3, keeps=False), candidate(9, 2), candidate(9, 1), candidate(12, 0)])
    assert [one.rank for one in ranked] == [1, 2, 0, 3]


def test_the_search_finds_the_smallest_result_over_the_bound() -> None:
    found = largest_under(lambda value: b"x" * int(value * 100), low=10, high=100, at_least_bytes=5000)
    assert found is not None and 5000 <= len(found[1]) <= 5200
    assert largest_under(lambda value: b"x", low=1, high=2, at_least_bytes=50) is None


def test_minimum_bytes_rounds_against_the_caller() -> None:
    assert minimum_bytes(1000, 20.0) == 800 and minimum_bytes(999, 33.3) == 667 and minimum_bytes(10, None) == 0


def test_ssimulacra2_agrees_with_itself_and_falls_with_damage() -> None:
    from skimage import data

    from pixlean.imaging.perception import compare, prepare

    photo = np.ascontiguousarray(data.astronaut()[:256, :256])
    rng = np.random.default_rng(1)
    reference = prepare(photo)
    scores = [
        compare(reference, np.clip(photo + rng.normal(0, sigma, photo.shape), 0, 255).astype(np.uint8))
        for sigma in (0.0, 2.0, 8.0, 30.0)
    ]
    assert scores[0] == pytest.approx(100, abs=0.01)
    assert scores == sorted(scores, reverse=True) and scores[-1] < 50

"""Plan, pick, search and the metric, by tables."""

from __future__ import annotations

import numpy as np
import pytest

from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.recipe import Recipe, Strength
from pixlean.engine.pick import PERFECT_LOOK, Candidate, by_preference
from pixlean.engine.plan import make_plan
from pixlean.engine.registry import codec_for
from pixlean.engine.search import largest_under, minimum_bytes
from pixlean.imaging.contract import Source
from pixlean.imaging.pixels import Picture


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
        ({"format": Format.PNG}, Recipe(), [*["libimagequant + oxipng"] * 2, "oxipng", "metadata-strip"]),
        ({"format": Format.PNG}, Recipe(quality=100), ["oxipng", "metadata-strip"]),
        ({"format": Format.PNG}, Recipe(quality=40, png_lossy=False), ["oxipng", "metadata-strip"]),
        (
            {"format": Format.PNG, "mode": "P"},
            Recipe(quality=40),
            ["libimagequant + oxipng", "oxipng", "metadata-strip"],
        ),
        ({"format": Format.PNG, "mode": "P"}, Recipe(quality=80), ["oxipng", "metadata-strip"]),
        ({"format": Format.PNG, "bit_depth": 16}, Recipe(quality=40), ["oxipng", "metadata-strip"]),
        (
            {"format": Format.APNG, "frames": 3},
            Recipe(quality=40),
            ["libimagequant + apng", "oxipng", "metadata-strip"],
        ),
        ({"format": Format.APNG, "frames": 3}, Recipe(quality=100), ["oxipng", "metadata-strip"]),
        (
            {"format": Format.JPEG, "quality": 95},
            Recipe(quality=80),
            ["jpegli-trellis", "jpegli-transcode", "metadata-strip"],
        ),
        ({"format": Format.JPEG, "quality": 70}, Recipe(quality=80), ["jpegli-transcode", "metadata-strip"]),
        ({"format": Format.JPEG, "untouchable": frozenset({"gain_map"})}, Recipe(), ["metadata-strip"]),
        ({"format": Format.WEBP, "lossless": True}, Recipe(quality=80), ["libwebp (lossless)", "metadata-strip"]),
        ({"format": Format.AVIF, "untouchable": frozenset({"sequence"})}, Recipe(quality=40), ["metadata-strip"]),
        ({"format": Format.JXL, "untouchable": frozenset({"jpeg_transcode"})}, Recipe(quality=40), ["metadata-strip"]),
        ({"format": Format.BMP}, Recipe(quality=80), ["bmp-rle8", "bmp-palette", "bmp-rgb24"]),
    ],
)
def test_a_plan_tries_what_the_header_allows(facts: dict[str, object], recipe: Recipe, methods: list[str]) -> None:
    header = info(**facts)
    plan = make_plan(Source(codec_for(header.format), b"never read", header), recipe)
    assert [trial.method for trial in plan.trials] == methods


PNG, JPEG = info(format=Format.PNG, lossless=True), info(format=Format.JPEG, lossless=False, quality=90)


def candidate(size: int, rank: int, **facts: object) -> Candidate:
    known = {"format": Format.WEBP, "method": str(rank), **facts}
    return Candidate(data=b"x" * size, rank=rank, **known)  # type: ignore[arg-type]


def encoded(size: int, rank: int, **facts: object) -> Candidate:
    picture = Picture(frames=(np.zeros((2, 2), np.uint8),))
    return candidate(size, rank, **{"picture": picture, "quality": 70, **facts})


def ranks(*candidates: Candidate, source: ImageInfo = PNG) -> list[int]:
    return [one.rank for one in by_preference(candidates, source)]


def test_the_smaller_wins_then_the_earlier_and_what_misses_its_aim_comes_last() -> None:
    assert ranks(candidate(5, 3, obeys=False), candidate(9, 2), candidate(9, 1), candidate(12, 0)) == [1, 2, 0, 3]


def test_within_a_size_the_better_look_wins_and_untouched_pixels_look_best() -> None:
    looks = (
        candidate(90, 0, look=PERFECT_LOOK),
        encoded(50, 1, look=(-64.0, -80.0)),
        encoded(40, 2, look=(-64.0, -90.0)),
    )
    assert ranks(*looks) == [0, 2, 1]


@pytest.mark.parametrize(
    ("source", "size", "quality", "wins"),
    [
        (JPEG, 79, 70, True),  # a fifth smaller than the repack, of a file known to be better
        (JPEG, 81, 70, False),
        (JPEG, 50, 87, True),  # another format than the source's: its scale says nothing here
        (info(format=Format.WEBP, lossless=False), 59, 70, True),  # nobody knows how good it is: two fifths
        (info(format=Format.WEBP, lossless=False), 61, 70, False),
        (PNG, 99, 70, True),  # nothing was lost before
        (PNG, 100, 70, False),  # as small: the untouched one
    ],
)
def test_an_encode_must_be_worth_its_loss(source: ImageInfo, size: int, quality: int, wins: bool) -> None:
    assert (ranks(candidate(100, 1), encoded(size, 1000, quality=quality), source=source)[0] == 1000) is wins


def test_a_worn_jpeg_is_not_encoded_again_as_jpeg_however_much_it_saves() -> None:
    again = encoded(10, 1000, quality=87, format=Format.JPEG)
    assert ranks(candidate(100, 1), again, source=JPEG) == [1, 1000]


def test_the_search_finds_the_smallest_result_over_the_bound() -> None:
    found = largest_under(lambda value: b"x" * int(value * 100), low=10, high=100, at_least_bytes=5000)
    assert found is not None and 5000 <= len(found[1]) <= 5200
    assert largest_under(lambda value: b"x", low=1, high=2, at_least_bytes=50) is None


def test_minimum_bytes_rounds_against_the_caller() -> None:
    assert minimum_bytes(1000, 20.0) == 800 and minimum_bytes(999, 33.3) == 667 and minimum_bytes(10, None) == 0


def test_ssimulacra2_agrees_with_itself_and_falls_with_damage() -> None:
    from skimage import data

    from pixlean.imaging.ssimulacra2 import compare, prepare

    photo = np.ascontiguousarray(data.astronaut()[:256, :256])
    rng = np.random.default_rng(1)
    reference = prepare(photo)
    scores = [
        compare(reference, np.clip(photo + rng.normal(0, sigma, photo.shape), 0, 255).astype(np.uint8))
        for sigma in (0.0, 2.0, 8.0, 30.0)
    ]
    assert scores[0] == pytest.approx(100, abs=0.01)
    assert scores == sorted(scores, reverse=True) and scores[-1] < 50

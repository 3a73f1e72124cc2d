"""SSIMULACRA2 against numbers of another implementation (the package ssimulacra2 0.3.0) on the same pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pictures import graphic, moving, photo, with_alpha
from pixlean.imaging.perception import Judge


def through(image: Image.Image, pillow_format: str, **options: object) -> Image.Image:
    out = io.BytesIO()
    image.save(out, pillow_format, **options)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def score(left: Image.Image, right: Image.Image) -> float:
    return Judge((np.asarray(left),)).score((np.asarray(right),))


@pytest.mark.parametrize(
    ("pillow_format", "options", "reference"),
    [
        ("JPEG", {"quality": 30}, 37.4516),
        ("JPEG", {"quality": 60}, 43.9411),
        ("JPEG", {"quality": 90}, 59.4575),
        ("JPEG", {"quality": 90, "subsampling": 0}, 77.1132),
        ("WEBP", {"quality": 50, "method": 4}, 51.0341),
    ],
)
def test_compressed_photographs_score_as_the_reference_says(
    pillow_format: str, options: dict[str, object], reference: float
) -> None:
    assert score(photo(), through(photo(), pillow_format, **options)) == pytest.approx(reference, abs=0.7)


def test_graphics_and_changed_light_score_as_the_reference_says() -> None:
    large = graphic().resize((256, 192), Image.Resampling.NEAREST)
    assert score(large, through(large, "JPEG", quality=50)) == pytest.approx(50.3616, abs=0.7)
    assert score(photo(), photo().point(lambda level: int(level * 0.9))) == pytest.approx(66.7798, abs=0.7)


def test_alpha_is_judged_on_black_and_on_white() -> None:
    picture = with_alpha()
    thinner = picture.copy()
    thinner.putalpha(picture.getchannel("A").point(lambda level: int(level * 0.8)))
    assert score(picture, picture) == 100
    assert score(picture, thinner) < 60
    # White on white is lost only on black.
    white = Image.new("RGBA", (64, 64), (255, 255, 255, 255))
    hidden = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    assert score(white, hidden) < 20


def test_an_animation_is_as_good_as_its_worst_frame() -> None:
    frames = [np.asarray(frame) for frame in moving()]
    spoiled = [*frames[:2], np.asarray(through(moving()[2], "JPEG", quality=5)), *frames[3:]]
    judge = Judge(tuple(frames))
    assert judge.score(tuple(frames)) == 100
    assert judge.score(tuple(spoiled)) < 70
    assert judge.score(tuple(frames[:4])) == -100


def test_a_large_picture_is_judged_on_tiles_of_it() -> None:
    large = photo().resize((2048, 1536), Image.Resampling.BICUBIC)
    worse = through(large, "JPEG", quality=30)
    from pixlean.imaging.ssimulacra2 import compare, prepare

    whole = compare(prepare(np.asarray(large)), np.asarray(worse))
    assert score(large, worse) == pytest.approx(whole, abs=3)

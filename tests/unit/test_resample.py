"""Pictures are made smaller as matrices of Lanczos weights say, in linear light and as encoded, the brighter of both."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from PIL import Image

from pictures import photo
from pixlean.imaging import resample, steps
from pixlean.imaging.edit import resized


def weights(old: int, new: int) -> np.ndarray:
    """A row for each new sample; what lies beyond an edge is as the edge."""
    made, factor = np.zeros((new, old)), old / new
    for row in range(new):
        middle = (row + 0.5) * factor - 0.5
        for place in range(int(middle - 3 * factor) - 2, int(middle + 3 * factor) + 3):
            distance = (place - middle) / factor
            if abs(distance) < 3:
                made[row, min(max(place, 0), old - 1)] += np.sinc(distance) * np.sinc(distance / 3)
    return made / made.sum(axis=1, keepdims=True)


def linear(level: np.ndarray) -> np.ndarray:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def expected(pixels: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    down, across = weights(pixels.shape[0], sides[1]), weights(pixels.shape[1], sides[0])
    level = pixels / 255
    has_alpha = pixels.shape[2] in (2, 4)
    alpha = level[..., -1:] if has_alpha else np.ones_like(level[..., :1])
    colours = level[..., :-1] if has_alpha else level

    def spread(values: np.ndarray) -> np.ndarray:
        return np.einsum("yr,rcn,xc->yxn", down, values, across)

    seen = spread(alpha)
    shown = np.maximum(seen, 1e-9)
    light = encoded(spread(linear(colours) * alpha) / shown)
    made = np.maximum(light, (spread(colours * alpha) / shown).clip(0, 1))
    made = np.where(np.rint(255 * seen.clip(0, 1)) > 0, made, 0)
    return 255 * (np.concatenate([made, seen.clip(0, 1)], axis=-1) if has_alpha else made)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((40, 60), (20, 30)), ((37, 41), (36, 41)), ((64, 50), (7, 3)), ((1, 30), (1, 11)), ((30, 1), (4, 1)), ((5, 5), (5, 5)),
        ((300, 20), (1, 1)), ((23, 90), (23, 13)),
    ],
)  # fmt: skip
def test_every_sample_is_the_sum_that_it_should_be(old: tuple[int, int], new: tuple[int, int], channels: int) -> None:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (*old, channels), dtype=np.uint8)
    if channels in (2, 4):
        pixels[: old[0] // 3, ..., -1] = 0
        pixels[: old[0] // 3, ..., :-1] = 255  # what nobody sees must not shine through
    sides = (new[1], new[0])
    made, wanted = resample.smaller(pixels, sides), expected(pixels, sides)
    assert made.shape == (*new, channels)
    # Where little is seen, a level of colour is worth less than a level.
    seen = made[..., -1:] / 255 if channels in (2, 4) else np.ones_like(made[..., :1])
    assert (np.abs(made - wanted) * np.where(seen > 0.1, 1, seen)).max() <= 1.01


def test_tall_pictures_that_become_flat_take_little_memory() -> None:
    assert resample.fits((6000, 4000), (1600, 1067)) and resample.fits((30_000, 3000), (10, 1))
    assert not resample.fits((9600, 9990), (9600, 3))
    assert not resample.fits((10, 10), (11, 5)) and not resample.fits((10, 10), (5, 11))
    tall = np.asarray(photo().resize((4000, 3000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resized(tall, (4000, 2)).shape == (2, 4000, 3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_flat_pictures_stay_as_they_are() -> None:
    for level in (0, 1, 3, 100, 254, 255):
        flat = np.full((90, 130, 3), level, np.uint8)
        assert (resample.smaller(flat, (17, 23)) == level).all()


def test_libvips_shows_the_same_where_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.asarray(photo())
    sides = (picture.shape[1] // 3, picture.shape[0] // 3)
    ours = resized(picture, sides)
    monkeypatch.setattr(steps.resample, "fits", lambda *_sides: False)
    theirs = resized(picture, sides)
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 0.5


def test_fine_stripes_keep_their_brightness() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[::2] = 255
    assert abs(int(resample.smaller(stripes, (32, 32))[16, 16, 0]) - 188) <= 1  # half the light of white
    by_levels = np.asarray(Image.fromarray(stripes).resize((32, 32), Image.Resampling.LANCZOS))
    assert by_levels[16, 16, 0] < 130

"""Palettes that repeat themselves: smaller at the same look, exact where they must be, and built from the source beside."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from PIL import Image
from skimage import data as samples

import pixlean
from pictures import graphic, opened, photo, saved
from pixlean.imaging import palettemap, pngpalette
from pixlean.imaging.perception import Judge

PICTURES = (samples.astronaut, samples.coffee, samples.chelsea)


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


@pytest.mark.parametrize("sides", [(1, 1), (1, 9), (9, 1), (2, 2), (17, 3), (300, 5)])
@pytest.mark.parametrize("entries", [1, 2, 256])
def test_without_tolerance_each_pixel_has_its_nearest_colour(sides: tuple[int, int], entries: int) -> None:
    random = np.random.default_rng(3)
    palette = np.concatenate([random.integers(0, 256, (entries, 3)), np.full((entries, 1), 255)], 1).astype(np.uint8)
    pixels = np.concatenate([random.integers(0, 256, (*sides, 3)), np.full((*sides, 1), 255)], 2).astype(np.uint8)
    made = palettemap.mapped(pixels, palette, np.zeros(sides, np.float32), dither=0.0, shortest=3)
    weights = np.array(palettemap.WEIGHTS)
    distances = (((pixels[:, :, None] * 1.0 - palette) * weights) ** 2).sum(-1)
    chosen = np.take_along_axis(distances, made[..., None].astype(int), 2)[..., 0]
    assert np.allclose(chosen, distances.min(-1), rtol=1e-3, atol=1e-2)


def test_more_tolerance_repeats_more_and_never_strays_farther_than_allowed() -> None:
    pixels = np.dstack([samples.chelsea(), np.full(samples.chelsea().shape[:2], 255, np.uint8)])
    palette = pngpalette._palette_of(pngpalette.quantised(pixels, quality=90))
    weights, sizes = np.array(palettemap.WEIGHTS), []
    nearest = (((palette[palettemap.mapped(pixels, palette, np.zeros(pixels.shape[:2], np.float32), dither=0.0, shortest=3)]
                 * 1.0 - pixels) * weights) ** 2).sum(-1)  # fmt: skip
    for tolerance in (0.0, 25.0, 100.0, 400.0):
        made = palettemap.mapped(
            pixels, palette, np.full(pixels.shape[:2], tolerance, np.float32), dither=0.0, shortest=3
        )
        strayed = (((palette[made] * 1.0 - pixels) * weights) ** 2).sum(-1)
        assert (strayed <= nearest + tolerance + 0.5).all()
        sizes.append(len(pngpalette._png(made, palette)))
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < 0.6 * sizes[0]


@pytest.mark.parametrize("quality", [40, 60])
def test_photographs_are_smaller_and_look_no_worse_than_quantised(quality: int) -> None:
    shares = []
    for picture in PICTURES:
        source = saved(Image.fromarray(picture()), "PNG")
        judge, usual = Judge((picture(),)), pixlean.compress(source, quality=quality, effort=3)
        made = pixlean.compress(source, quality=quality, effort=5)
        better = judge.score((shown(made.data),)) - judge.score((shown(usual.data),))
        # One point of the score is worth 4 to 5 % of the bytes.
        shares.append(len(made.data) / len(usual.data) * np.exp(-0.045 * better))
        assert better > -1 and shares[-1] <= 1
        by_vips = pyvips.Image.new_from_buffer(made.data, "", fail_on="warning").numpy()
        assert (by_vips[..., :3] == shown(made.data)[..., :3]).all()
    assert np.mean(shares) < 0.9


def test_what_is_transparent_stays_so_and_what_is_opaque_too() -> None:
    picture = samples.astronaut()
    rows, columns = np.indices(picture.shape[:2]) - 256
    alpha = np.where(rows**2 + columns**2 < 200**2, 255, 0).astype(np.uint8)
    pixels = np.dstack([picture, alpha])
    plain = pngpalette.quantised(pixels, quality=55)
    (made,) = pngpalette.repeating(pixels, plain)
    assert len(made) < 0.95 * len(plain) and (shown(made)[..., 3] == alpha).all()


def test_drawings_keep_the_plain_palette_where_nothing_is_won() -> None:
    pixels = np.asarray(graphic())
    plain = pngpalette.quantised(pixels, quality=55)
    assert pngpalette.repeating(pixels, plain) == (plain,)


def test_a_resized_png_is_made_this_way_and_a_search_is_not() -> None:
    source = saved(Image.fromarray(samples.astronaut()), "PNG")
    quick, made = (len(pixlean.compress(source, quality=60, max_width=400, effort=each).data) for each in (3, 5))
    assert made < 0.95 * quick
    found = pixlean.compress(source, min_score=75)
    assert found.score is not None and found.score >= 74.9


def test_where_there_is_no_library_colours_are_chosen_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(palettemap, "available", lambda: False)
    pixels = np.asarray(photo())
    plain = pngpalette.quantised(pixels, quality=55)
    assert pngpalette.repeating(pixels, plain) == (plain,)
    assert opened(pixlean.compress(saved(photo(), "PNG"), quality=40).data).mode == "P"


def test_large_photographs_go_the_short_way_and_look_no_worse_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours from a part, one mapping of the whole: smaller than quantised all the same."""
    pixels = np.asarray(Image.fromarray(samples.astronaut()).resize((1024, 1024), Image.Resampling.BICUBIC))
    monkeypatch.setattr(pngpalette, "_LARGE_PX", 500_000)
    monkeypatch.setattr(pngpalette, "_PALETTE_PX", 700_000)
    plain = pngpalette.quantised(pixels, quality=60)
    (made,) = pngpalette.repeating(pixels, plain)
    judge = Judge((pixels,))
    usual, score = (judge.score((np.asarray(opened(each).convert("RGB")),)) for each in (plain, made))
    assert len(made) < 0.97 * len(plain) and score > usual - 1

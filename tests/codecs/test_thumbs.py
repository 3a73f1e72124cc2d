"""Cutting to a size: what stands free is shown whole, nothing is enlarged that must not be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import opened, photo, saved
from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.formats import Format


def cut(data: bytes, width: int, height: int, fit: Fit, *, enlarge: bool = False) -> Image.Image:
    edits = Edits(resize=Resize(width_px=width, height_px=height, fit=fit, enlarge=enlarge))
    return opened(pixlean.compress(data, edits=edits, outputs=(Format.PNG,), quality=100).data)


def standing(mode: str) -> Image.Image:
    """A red bar, 300 x 40, low and to the left on a plain or transparent ground of 400 x 300."""
    image = Image.new(mode, (400, 300), (0, 0, 0, 0) if mode == "RGBA" else (240, 240, 240))
    image.paste((200, 20, 20) if mode == "RGB" else (200, 20, 20, 255), (30, 200, 330, 240))
    return image


def red(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image.convert("RGBA")).astype(int)
    return (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 3] > 128)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_thumb_shows_an_object_on_a_plain_ground_whole(mode: str) -> None:
    data = saved(standing(mode), "PNG")
    made = cut(data, 100, 100, Fit.THUMB)
    assert made.size == (100, 100)
    shape = red(made)
    columns, rows = np.flatnonzero(shape.any(axis=0)), np.flatnonzero(shape.any(axis=1))
    assert columns[0] > 1 and columns[-1] < 98, "the object is cut"
    assert abs(columns.mean() - 49.5) < 3 and abs(rows.mean() - 49.5) < 3, "the object is not in the middle"
    assert 6 < len(columns) / len(rows) < 9, "the object is stretched"
    cover = red(cut(data, 100, 100, Fit.COVER))
    assert cover[:, 0].any() or cover[:, -1].any(), "cover fills, and cuts"


def test_a_thumb_of_a_full_picture_is_a_cover() -> None:
    data = saved(photo(), "PNG")
    thumb, cover = cut(data, 90, 90, Fit.THUMB), cut(data, 90, 90, Fit.COVER)
    assert thumb.size == cover.size == (90, 90) and np.array_equal(np.asarray(thumb), np.asarray(cover))


def test_cover_keeps_the_proportions_where_it_must_not_enlarge() -> None:
    data = saved(photo(), "PNG")
    assert cut(data, 1000, 500, Fit.COVER).size == (256, 128)
    assert cut(data, 1000, 500, Fit.COVER, enlarge=True).size == (1000, 500)
    assert cut(data, 300, 100, Fit.COVER).size == (256, 85)


def test_a_ground_fills_what_is_transparent_in_every_format() -> None:
    data = saved(standing("RGBA"), "PNG")
    for target in (Format.PNG, Format.WEBP, Format.JPEG):
        edits = Edits(ground=(255, 136, 0))
        made = opened(pixlean.compress(data, edits=edits, outputs=(target,), quality=95).data).convert("RGBA")
        assert np.abs(np.array(made.getpixel((5, 5))) - (255, 136, 0, 255)).max() < 14

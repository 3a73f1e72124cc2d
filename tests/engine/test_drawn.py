"""Resized drawings are no larger than what they came from, and still show it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pixlean
from pictures import opened, saved
from pixlean.domain.edits import Edits, Resize
from pixlean.domain.formats import Format

LARGEST = (1000, 700)


def lines(colours: int) -> Image.Image:
    image = Image.new("RGB", LARGEST, "white")
    draw = ImageDraw.Draw(image)
    for number in range(60):
        draw.line((number * 16, 0, 1000 - number * 9, 700), fill=(number * 4, 0, 255 - number * 4), width=2)
    return image.quantize(colours, dither=Image.Dither.NONE)


def see_through() -> Image.Image:
    image = Image.new("RGBA", LARGEST)
    draw = ImageDraw.Draw(image)
    for number in range(40):
        draw.line((number * 25, 0, 1000 - number * 20, 700), fill=(0, 90, 200, 128 + 127 * (number % 2)), width=3)
    return image


SOURCES = {
    "palette": saved(lines(32), "PNG", optimize=True),
    "true colours": saved(lines(32).convert("RGB"), "PNG", optimize=True),
    "two colours": saved(lines(32).convert("1"), "PNG"),
    "alpha": saved(see_through(), "PNG", optimize=True),
    "gif": saved(lines(32), "GIF"),
    "webp": saved(lines(32).convert("RGB"), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("width_px", [999, 960, 500, 1100])
def test_a_resized_drawing_does_not_outgrow_its_source(name: str, width_px: int) -> None:
    source = SOURCES[name]
    outcome = pixlean.compress(source, edits=Edits(resize=Resize(width_px=width_px)))
    # Softened rows differ more from one another than hard ones: half as much again is the least that shows it all.
    assert len(outcome.data) <= (1.6 if width_px < 1000 else 1.21) * len(source)
    assert looks_off_by(outcome.data, opened(source)) < 6


@pytest.mark.parametrize("target", [Format.PNG, Format.GIF, Format.WEBP])
def test_so_do_those_that_change_their_format(target: Format) -> None:
    source = saved(lines(32), "PNG", optimize=True)
    outcome = pixlean.compress(source, edits=Edits(resize=Resize(width_px=960)), outputs=(target,))
    same = pixlean.compress(source, outputs=(target,))
    assert len(outcome.data) <= max(1.6 * len(source), 1.1 * len(same.data))
    assert looks_off_by(outcome.data, opened(source)) < 6


def test_edges_are_softened_where_there_is_room() -> None:
    image = Image.new("RGB", (600, 600), "white")
    ImageDraw.Draw(image).ellipse((50, 50, 550, 550), fill=(200, 30, 30))
    source = saved(image, "PNG", compress_level=0)
    shown = opened(pixlean.compress(source, edits=Edits(resize=Resize(width_px=250))).data).convert("RGB")
    assert len(shown.getcolors(65_536) or ()) > 4


def test_who_wants_every_pixel_gets_every_colour_of_the_resize() -> None:
    source = saved(lines(32), "PNG", optimize=True)
    outcome = pixlean.compress(source, edits=Edits(resize=Resize(width_px=960)), png_lossy=False)
    assert len(opened(outcome.data).convert("RGB").getcolors(1 << 20) or ()) > 256


def looks_off_by(data: bytes, wanted: Image.Image) -> float:
    """The mean distance in levels of both pictures on white, from so far away that their light mixes."""
    small = [
        np.stack([from_far_away(channel) for channel in on_white(image).split()]) for image in (opened(data), wanted)
    ]
    return float(255 * np.abs(small[0] - small[1]).mean())


def from_far_away(channel: Image.Image) -> np.ndarray:
    """Means in light at an eighth of the size, as levels (with a plain curve of 2.2)."""
    light = Image.fromarray(((np.asarray(channel) / 255) ** 2.2).astype(np.float32))
    return np.asarray(light.resize((125, 87), Image.Resampling.BOX)) ** (1 / 2.2)


def on_white(image: Image.Image) -> Image.Image:
    shown = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")

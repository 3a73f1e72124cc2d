"""What a picture is, whatever its format."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import every_format, opened, photo, saved
from pixlean.imaging.thumbhash import thumbhash


@pytest.mark.parametrize("name", sorted(every_format()))
def test_every_format_has_facts_and_placeholders(name: str) -> None:
    facts = pixlean.info(every_format()[name])
    assert facts.width_px > 0 and len(facts.dominant_colour) == 7
    assert 5 < len(base64.b64decode(facts.thumbhash)) < 40
    tiny = opened(base64.b64decode(facts.lqip.partition(",")[2]))
    assert tiny.format == "WEBP" and max(tiny.size) <= 16


def test_the_main_colour_is_that_of_most_pixels() -> None:
    image = Image.new("RGB", (40, 40), (200, 30, 30))
    image.paste((0, 0, 255), (0, 0, 10, 40))
    assert pixlean.info(saved(image, "PNG")).dominant_colour == "#c81e1e"


def test_thumbhash_keeps_mean_and_shape() -> None:
    pixels = np.asarray(photo().resize((80, 60)).convert("RGBA"))
    code = thumbhash(pixels)
    red, green, blue = pixels[..., :3].reshape(-1, 3).mean(axis=0) / 255
    head = int.from_bytes(code[:3], "little")
    assert (head & 63) / 63 == pytest.approx((red + green + blue) / 3, abs=0.02)
    assert code[4] >> 7 == 1, "it is wide"
    assert not head >> 23, "it is opaque"
    see_through = pixels.copy()
    see_through[:, :40, 3] = 0
    assert int.from_bytes(thumbhash(see_through)[:3], "little") >> 23 == 1


def test_the_palette_has_the_main_colours_in_the_order_of_their_share() -> None:
    image = Image.new("RGB", (40, 40), (200, 30, 30))
    image.paste((0, 0, 255), (0, 0, 10, 40))
    image.paste((0, 200, 0), (0, 0, 10, 4))
    facts = pixlean.info(saved(image, "PNG"))
    assert facts.palette == ("#c81e1e", "#0000ff", "#00c800") and facts.dominant_colour == facts.palette[0]


DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def unblurred(code: str, width: int, height: int) -> np.ndarray:
    """The picture of a BlurHash, as the specification's own decoder draws it."""

    def number(text: str) -> int:
        value = 0
        for digit in text:
            value = 83 * value + DIGITS.index(digit)
        return value

    def linear(level: float) -> float:
        return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4

    across, down = number(code[0]) % 9 + 1, number(code[0]) // 9 + 1
    most = (number(code[1]) + 1) / 166
    mean = number(code[2:6])
    colours = [[linear((mean >> shift & 255) / 255) for shift in (16, 8, 0)]]
    for at in range(6, len(code), 2):
        value = number(code[at : at + 2])
        levels = ((part - 9) / 9 for part in (value // 361, value // 19 % 19, value % 19))
        colours.append([math.copysign(level * level, level) * most for level in levels])
    assert len(colours) == across * down
    made = np.zeros((height, width, 3))
    for row in range(down):
        for column in range(across):
            wave = np.outer(
                np.cos(math.pi * np.arange(height) * row / height), np.cos(math.pi * np.arange(width) * column / width)
            )
            made += wave[..., None] * np.array(colours[row * across + column])
    made = np.clip(made, 0, 1)
    return np.where(made <= 0.0031308, made * 12.92, 1.055 * made ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize("turned", [False, True])
def test_a_blurhash_shows_the_picture_from_far_away(turned: bool) -> None:
    image = photo().transpose(Image.Transpose.ROTATE_90) if turned else photo()
    shown = unblurred(pixlean.info(saved(image, "PNG")).blurhash, 32, 32)
    far, other = (from_far(each) for each in (image, image.transpose(Image.Transpose.ROTATE_180)))
    assert np.abs(shown - far).mean() < 16
    assert np.abs(shown.mean(axis=(0, 1)) - far.mean(axis=(0, 1))).max() < 12
    assert np.abs(shown - other).mean() > 2 * np.abs(shown - far).mean()


def from_far(image: Image.Image) -> np.ndarray:
    """A picture's light in sixteen fields, as the eye blends it from far away, and smoothly from one to the next."""
    light = (np.asarray(image.convert("RGB"), float) / 255) ** 2.2
    fields = [
        Image.fromarray((light[..., band] * 65_535).astype(np.int32)).resize((4, 4), Image.Resampling.BOX)
        for band in range(3)
    ]
    smooth = [np.asarray(field.convert("F").resize((32, 32), Image.Resampling.BICUBIC)) for field in fields]
    return (np.stack(smooth, axis=2).clip(0) / 65_535) ** (1 / 2.2) * 255


def test_a_plain_picture_has_a_plain_blurhash() -> None:
    shown = unblurred(pixlean.info(saved(Image.new("RGB", (30, 20), (200, 30, 30)), "PNG")).blurhash, 8, 8)
    assert np.abs(shown - np.array([200, 30, 30])).max() < 3

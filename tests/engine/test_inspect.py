"""What a picture is, whatever its format."""

from __future__ import annotations

import base64

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

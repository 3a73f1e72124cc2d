"""Crops and turns in AVIF and HEIC are done once, in every way through, at every depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixlean
from heifboxes import aperture, with_properties
from pictures import opened, saved
from pixlean.domain.edits import Edits, Resize
from pixlean.domain.formats import Format

WHOLE = (128, 96)
CORNERS = ("red", "lime", "blue", "yellow")
TURN, MIRROR = b"irot", b"imir"
# What a viewer shows in the corners, from left to right, then down.
SHOWN: dict[str, tuple[list[tuple[bytes, bytes]], tuple[str, ...]]] = {
    "as it is": ([], ("red", "lime", "blue", "yellow")),
    "a quarter to the left": ([(TURN, b"\1")], ("lime", "yellow", "red", "blue")),
    "half": ([(TURN, b"\2")], ("yellow", "blue", "lime", "red")),
    "a quarter to the right": ([(TURN, b"\3")], ("blue", "red", "yellow", "lime")),
    "mirrored": ([(MIRROR, b"\1")], ("lime", "red", "yellow", "blue")),
    "upside down": ([(MIRROR, b"\0")], ("blue", "yellow", "red", "lime")),
    "turned and mirrored": ([(TURN, b"\3"), (MIRROR, b"\0")], ("yellow", "lime", "blue", "red")),
    "left half": ([aperture((64, 96), WHOLE, 0, 0)], ("red", "red", "blue", "blue")),
    "left half, turned": ([aperture((64, 96), WHOLE, 0, 0), (TURN, b"\1")], ("red", "blue", "red", "blue")),
}
WAYS: dict[str, dict[str, Any]] = {
    "png": {"outputs": (Format.PNG,)},
    "jpeg": {"outputs": (Format.JPEG,)},
    "webp": {"outputs": (Format.WEBP,)},
    "smaller": {"outputs": (Format.PNG,), "edits": Edits(resize=Resize(width_px=50))},
}


def quarters() -> Image.Image:
    image = Image.new("RGB", WHOLE)
    for number, colour in enumerate(CORNERS):
        left, top = number % 2 * 64, number // 2 * 48
        image.paste(colour, (left, top, left + 64, top + 48))
    return image


def deep() -> bytes:
    import pyvips

    image = pyvips.Image.new_from_array(np.asarray(quarters()).astype(np.uint16) * 257, interpretation="rgb16")
    made: bytes = image.heifsave_buffer(compression="av1", bitdepth=10, Q=90)
    return made


def sources() -> dict[str, bytes]:
    import pillow_heif

    pillow_heif.register_heif_opener()
    return {
        "avif": saved(quarters(), "AVIF", quality=90),
        "10-bit avif": deep(),
        "heic": saved(quarters(), "HEIF", quality=90),
    }


def corners(data: bytes) -> tuple[str, ...]:
    image = opened(data).convert("RGB")
    palette = {name: np.array(Image.new("RGB", (1, 1), name).getpixel((0, 0))) for name in CORNERS}
    at = ((3, 3), (image.width - 4, 3), (3, image.height - 4), (image.width - 4, image.height - 4))
    shown = [np.array(image.getpixel(point)) for point in at]
    return tuple(min(palette, key=lambda name: float(np.abs(palette[name] - pixel).sum())) for pixel in shown)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("kind", ["avif", "10-bit avif", "heic"])
def test_crops_and_turns_are_done_once(kind: str, name: str, way: str) -> None:
    properties, wanted = SHOWN[name]
    source = sources()[kind]
    outcome = pixlean.compress(with_properties(source, properties) if properties else source, **WAYS[way])
    assert corners(outcome.data) == wanted

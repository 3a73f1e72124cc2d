"""A GIF's canvas as browsers take it: what no frame covers is transparent, and later frames end at its edge."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import pixlean
from pictures import opened, saved
from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format

PALETTE = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])


def frame(left: int, top: int, width: int, height: int, colour: int, disposal: int = 0) -> bytes:
    """A rectangle of one colour of the palette."""
    from PIL import Image

    image = Image.new("P", (width, height), colour)
    image.putpalette(PALETTE + bytes(756))
    alone = saved(image, "GIF")
    at = 13 + (3 << (alone[10] & 7) + 1)
    table, image_data = alone[13:at], alone[alone.index(b"\x2c", at) + 10 : -1]
    control = b"\x21\xf9\4" + bytes([disposal << 2]) + b"\x0a\0\0\0"
    place = struct.pack("<HHHH", left, top, width, height)
    return control + b"\x2c" + place + bytes([0x80 | alone[10] & 7]) + table + image_data


def gif(width: int, height: int, *frames: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x81, 2, 0) + PALETTE + b"".join(frames) + b";"


def opaque(data: bytes, number: int = 0) -> tuple[int, int, int, int]:
    """Where a frame of a PNG can be seen: left, top, right, bottom."""
    image = opened(data)
    image.seek(number)
    rows, columns = np.nonzero(np.asarray(image.convert("RGBA"))[..., 3])
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


# What Chromium 156 shows of the same files.
@pytest.mark.parametrize(
    ("data", "size", "seen"),
    [
        (gif(20, 20, frame(5, 5, 10, 10, 0)), (20, 20), (5, 5, 15, 15)),
        (gif(20, 20, frame(0, 0, 40, 30, 0)), (40, 30), (0, 0, 40, 30)),
        (gif(20, 20, frame(10, 10, 20, 20, 0)), (30, 30), (10, 10, 30, 30)),
        (gif(0, 0, frame(5, 5, 20, 20, 0)), (25, 25), (5, 5, 25, 25)),
        (gif(20, 20, frame(0, 0, 20, 20, 0), frame(10, 10, 30, 30, 1)), (20, 20), (0, 0, 20, 20)),
    ],
)
def test_the_canvas_is_the_screens_or_the_first_frames(
    data: bytes, size: tuple[int, int], seen: tuple[int, int, int, int]
) -> None:
    made = pixlean.compress(data, outputs=(Format.PNG,)).data
    assert opened(made).size == size and opaque(made) == seen
    smaller = pixlean.compress(data, quality=40).data
    assert opaque(pixlean.compress(smaller, outputs=(Format.PNG,)).data) == seen


def test_a_frame_that_is_cleared_leaves_nothing_and_one_that_is_taken_back_what_was_before() -> None:
    data = gif(
        20, 20, frame(0, 0, 10, 10, 0, disposal=2), frame(10, 10, 10, 10, 1), frame(0, 0, 20, 20, 2, disposal=3),
        frame(0, 0, 2, 2, 3),
    )  # fmt: skip
    image = opened(pixlean.compress(data, outputs=(Format.PNG,)).data)
    shown = []
    for number in range(4):
        image.seek(number)
        pixels = image.convert("RGBA")
        shown.append([pixels.getpixel(point) for point in ((5, 5), (15, 15))])
    red, lime, blue, nothing = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)
    assert shown[0][0] == red and shown[0][1][3] == 0
    assert shown[1][0][3] == nothing[3] and shown[1][1] == lime
    assert shown[2] == [blue, blue]
    assert shown[3][0][3] == 0 and shown[3][1] == lime


def test_a_gif_without_a_frame_is_refused() -> None:
    with pytest.raises(BadImage):
        pixlean.compress(b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0" + b"\x21\xf9\4\0\0\0\0\0;")

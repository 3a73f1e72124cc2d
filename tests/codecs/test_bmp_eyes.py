"""The second reader of BMPs, held against OpenCV's: it must not err where Pillow does."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import graphic, photo, saved
from pixlean.imaging.bmpeyes import bmp_eyes


def by_opencv(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def seen(data: bytes) -> np.ndarray:
    view = bmp_eyes(data)
    assert view is not None
    return view[0]


def bmp(bits: int, compression: int, body: bytes, sides: tuple[int, int], palette: bytes = b"") -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, *sides, 1, bits, compression, len(body), 0, 0, len(palette) // 4, 0)
    start = 14 + len(head) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + head + palette + body


PALETTE = bytes(np.random.default_rng(1).integers(0, 256, 64, dtype=np.uint8).reshape(16, 4) & [255, 255, 255, 0])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("columns", [31, 32, 33])
def test_plain_rows_of_each_depth_are_read_as_opencv_reads_them(mode: str, columns: int) -> None:
    data = saved(photo().resize((columns, 17)).convert(mode), "BMP")
    assert (seen(data) == by_opencv(data)).all()


@pytest.mark.parametrize("rows", [9, -9])
def test_nibbles_and_rows_from_above_are_read_as_opencv_reads_them(rows: int) -> None:
    body = np.random.default_rng(2).integers(0, 256, (9, 8), dtype=np.uint8).tobytes()
    data = bmp(4, 0, body, (13, rows), PALETTE)
    assert (seen(data) == by_opencv(data)).all()


def test_fives_of_sixteen_bits_are_read_nearly_as_opencv_reads_them() -> None:
    body = np.random.default_rng(3).integers(0, 1 << 15, (6, 10), dtype=np.uint16).tobytes()
    data = bmp(16, 0, body, (10, 6))
    assert np.abs(seen(data).astype(int) - by_opencv(data)).max() < 8  # OpenCV shifts, and 31 becomes 248


@pytest.mark.parametrize(
    ("bits", "compression", "body"),
    [
        (8, 1, bytes([3, 5, 5, 9, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 3, 7, 0, 0, 8, 11, 0, 1])),
        (8, 1, bytes([2, 5, 0, 2, 2, 1, 3, 6, 0, 0, 8, 4, 0, 1])),
        (4, 2, bytes([5, 0x12, 3, 0x45, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 3, 0x77, 0, 0, 8, 0xAB, 0, 1])),
    ],
)
def test_runs_literals_and_moves_are_read_as_opencv_reads_them(bits: int, compression: int, body: bytes) -> None:
    data = bmp(bits, compression, body, (8, 3), PALETTE)
    assert (seen(data) == by_opencv(data)).all()


@pytest.mark.parametrize("quality", [40, 100])
def test_what_we_write_is_what_opencv_reads(quality: int) -> None:
    data = saved(graphic().convert("RGB"), "BMP")
    made = pixlean.compress(data, quality=quality).data
    assert len(made) < len(data) and (seen(made) == by_opencv(made)).all()
    if quality == 100:
        assert (by_opencv(made) == by_opencv(data)).all()


def test_broken_and_endless_runs_have_no_second_view() -> None:
    assert bmp_eyes(b"BM" + bytes(20)) is None
    assert bmp_eyes(bmp(8, 1, b"\1\0" * 2_100_000, (100, 100), PALETTE)) is None


def test_alpha_by_masks_is_seen_by_pillow() -> None:
    picture = Image.merge("RGBA", [*photo().resize((20, 20)).split(), Image.new("L", (20, 20), 77)])
    made = pixlean.compress(saved(picture, "PNG"), format="bmp").data
    assert (seen(made) == np.asarray(picture)).all()

"""JPEGs straight from libjpeg-turbo: the pixels of Pillow, or none at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pictures import photo, saved
from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import Format
from pixlean.engine.registry import codec_for
from pixlean.imaging import jpegread


def by_pillow(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"keep_rgb": True}])
def test_its_pixels_are_pillows(mode: str, how: dict[str, int]) -> None:
    image = photo().convert(mode)
    if mode == "L":
        how = {name: value for name, value in how.items() if name == "progressive"}
    data = saved(image, "JPEG", quality=90, restart_marker_blocks=5, **how)
    pixels = jpegread.decoded(data)
    assert pixels is not None and (pixels == by_pillow(data)).all()
    followed = jpegread.decoded(data + b"a clip behind it \xff\xd9")
    assert followed is not None and (followed == pixels).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.999])
def test_what_is_cut_off_is_not_filled_with_grey(share: float, progressive: bool) -> None:
    data = saved(photo(), "JPEG", quality=90, progressive=progressive)
    cut = data[: round(share * len(data))]
    assert jpegread.decoded(cut) is None
    if share < 0.99:
        with pytest.raises(PixleanError):
            codec_for(Format.JPEG).decode(cut)


def test_a_preview_that_ends_is_not_the_end_of_the_picture() -> None:
    small = saved(photo().resize((32, 24)), "JPEG")
    exif = Image.Exif()
    exif[0x010E] = "x"
    body = exif.tobytes() + small
    data = saved(photo(), "JPEG", exif=body)
    assert jpegread.decoded(data) is not None
    assert jpegread.decoded(data[: len(data) // 2]) is None


def test_what_means_something_else_is_left_to_others() -> None:
    assert jpegread.decoded(saved(photo().convert("CMYK"), "JPEG")) is None
    data = saved(photo(), "JPEG")
    at = data.index(b"\xff\xc0")
    assert jpegread.decoded(data[: at + 1] + b"\xc9" + data[at + 2 :]) is None  # arithmetic
    assert jpegread.decoded(data[: at + 4] + b"\x0c" + data[at + 5 :]) is None  # 12 bits
    assert jpegread.decoded(b"\xff\xd8\xff\xd9") is None

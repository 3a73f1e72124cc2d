"""PNGs that tell their colours by gAMA and cHRM alone look the same as anything else."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

import pixlean
from pixlean.imaging import pngfile

# Adobe RGB (1998), 4.3.5.3, and IEC 61966-2-1: linear light of each in the other's primaries.
_ADOBE_TO_XYZ = [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
_XYZ_TO_SRGB = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
_ADOBE_CHRM = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def _srgb_curve(linear: Any) -> Any:
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _png_of(pixels: Any, *chunks: tuple[bytes, bytes]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    head, rest = out.getvalue()[:33], out.getvalue()[33:]
    return head + b"".join(pngfile.chunk(kind, body) for kind, body in chunks) + rest


@pytest.mark.parametrize("grey", [False, True], ids=["RGB", "grey"])
@pytest.mark.parametrize(("gamma", "shown"), [(100_000, 188), (55_556, 146), (45_455, 128)])
def test_a_png_that_tells_its_colours_by_gamma_alone_looks_the_same_in_other_formats(
    gamma: int, shown: int, grey: bool
) -> None:
    pixels = np.full((64, 64) if grey else (64, 64, 3), 128, np.uint8)
    source = _png_of(pixels, (b"gAMA", gamma.to_bytes(4, "big")))
    for wish in ({"format": "webp"}, {"format": "jpeg"}, {"max_width": 32}):
        made = np.asarray(Image.open(io.BytesIO(pixlean.compress(source, quality=95, **wish).data)).convert("RGB"))
        assert abs(float(made.mean()) - shown) <= 2, wish


def test_a_pngs_primaries_count_where_it_has_no_profile() -> None:
    colour = np.array([100, 150, 90])
    source = _png_of(
        np.tile(colour.astype(np.uint8), (64, 64, 1)), (b"gAMA", (45_455).to_bytes(4, "big")), (b"cHRM", _ADOBE_CHRM)
    )
    wanted = _srgb_curve(np.array(_XYZ_TO_SRGB) @ np.array(_ADOBE_TO_XYZ) @ (colour / 255) ** 2.2)
    made = np.asarray(Image.open(io.BytesIO(pixlean.compress(source, format="png", max_width=32).data)).convert("RGB"))
    assert np.abs(made.reshape(-1, 3).mean(axis=0) - wanted).max() <= 2
    plain = _png_of(np.tile(colour.astype(np.uint8), (64, 64, 1)), (b"sRGB", b"\0"), (b"cHRM", _ADOBE_CHRM))
    made = np.asarray(Image.open(io.BytesIO(pixlean.compress(plain, format="png", max_width=32).data)).convert("RGB"))
    assert np.abs(made.reshape(-1, 3).mean(axis=0) - colour).max() <= 1


def test_a_gamma_that_a_profile_outranked_goes_with_the_profile() -> None:
    out, srgb = io.BytesIO(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(out, "PNG", icc_profile=srgb)
    source = out.getvalue()[:33] + pngfile.chunk(b"gAMA", (100_000).to_bytes(4, "big")) + out.getvalue()[33:]
    made = pixlean.compress(source).data
    assert b"iCCP" not in made and b"gAMA" not in made

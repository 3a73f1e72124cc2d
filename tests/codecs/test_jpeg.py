"""JPEG: colours, orientation, privacy, scans."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

import pixlean
from pictures import exif, opened, photo, saved, wide_icc
from pixlean.imaging import jpegli


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_looks_upright_and_says_nothing_private(orientation: int) -> None:
    data = saved(photo(), "JPEG", quality=95, exif=exif(orientation))
    outcome = pixlean.compress(data, quality=60)
    shown, result = ImageOps.exif_transpose(opened(data)), ImageOps.exif_transpose(opened(outcome.data))
    assert shown.size == result.size
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(result).astype(int)).mean() < 8
    assert b"SecretCam" not in outcome.data
    assert not opened(outcome.data).getexif().get_ifd(0x8825)


def test_metadata_survives_where_it_is_wanted() -> None:
    data = saved(photo(), "JPEG", quality=95, exif=exif(6), comment=b"a comment", icc_profile=wide_icc())
    outcome = pixlean.compress(data, quality=60, strip_metadata=False)
    kept = opened(outcome.data)
    assert kept.getexif()[0x010F] == "SecretCam"
    assert kept.getexif().get_ifd(0x8825)[1] == "N"
    assert kept.info["comment"] == b"a comment"
    assert kept.info["icc_profile"] == wide_icc()
    assert outcome.method == "jpegli-trellis"


def test_a_profile_that_is_not_srgb_stays_with_its_pixels() -> None:
    outcome = pixlean.compress(saved(photo(), "JPEG", quality=95, icc_profile=wide_icc()), quality=60)
    assert opened(outcome.data).info["icc_profile"] == wide_icc()


def test_scans_are_what_is_smaller_where_nobody_says() -> None:
    large, tiny = (saved(photo().resize(sides), "JPEG", quality=95) for sides in ((640, 480), (16, 16)))
    assert pixlean.probe(pixlean.compress(large, quality=60).data).progressive
    sizes = [len(pixlean.compress(tiny, progressive_jpeg=asked).data) for asked in (None, True, False)]
    assert sizes[0] == min(sizes) < sizes[1]
    quick = pixlean.compress(large, quality=60, effort=0)
    assert not pixlean.probe(quick.data).progressive


@pytest.mark.parametrize("progressive", [True, False])
def test_progressive_jpeg_decides_the_scans(progressive: bool) -> None:
    for source in (True, False):
        data = saved(photo(), "JPEG", quality=95, progressive=source)
        outcome = pixlean.compress(data, quality=60, progressive_jpeg=progressive)
        assert pixlean.probe(outcome.data).progressive is progressive


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_stays_grey_and_cmyk_stays_cmyk(mode: str) -> None:
    data = saved(photo().convert(mode), "JPEG", quality=95)
    result = opened(pixlean.compress(data, quality=50).data)
    assert result.mode == mode
    before = np.asarray(opened(data).convert("RGB")).astype(int)
    assert np.abs(before - np.asarray(result.convert("RGB")).astype(int)).mean() < 8


def test_a_picture_below_the_wanted_quality_is_repacked_without_loss() -> None:
    data = saved(photo(), "JPEG", quality=50, optimize=False)
    outcome = pixlean.compress(data, quality=80)
    assert outcome.method == "jpegli-transcode"
    assert np.array_equal(np.asarray(opened(data)), np.asarray(opened(outcome.data)))


def test_colour_edges_keep_full_chroma() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    from PIL import Image

    data = saved(Image.fromarray(stripes), "JPEG", quality=98, subsampling=0)
    assert pixlean.probe(pixlean.compress(data, quality=70).data).chroma_subsampling == "444"


def test_trailing_bytes_do_not_survive() -> None:
    data = saved(photo(), "JPEG", quality=95) + b"MotionPhoto" * 100
    assert b"MotionPhoto" not in pixlean.compress(data, quality=60).data


def test_without_jpegli_libvips_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpegli, "available", lambda: False)
    outcome = pixlean.compress(saved(photo(), "JPEG", quality=95), quality=60)
    assert outcome.method == "mozjpeg-trellis"


def test_jpegli_passes_its_own_self_test() -> None:
    assert jpegli.available()


def test_a_picture_that_does_not_fill_its_blocks_is_not_taken_for_a_wrong_one() -> None:
    """The scaled decode of a 172 px high picture shows 176 px: contrasty bands seemed to have moved."""
    bands = np.zeros((172, 283, 3), np.uint8)
    for number in range(0, 172, 22):
        bands[number : number + 11] = (250, 240, 90)
    texture = np.random.default_rng(3).integers(0, 30, bands.shape, dtype=np.uint8)
    outcome = pixlean.compress(saved(Image.fromarray(np.minimum(bands, 225) + texture), "JPEG", quality=95), quality=60)
    assert outcome.method == "jpegli-trellis", outcome.attempts

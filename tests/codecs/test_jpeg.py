"""JPEG: colours, orientation, privacy, scans."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

import pixlean
from pictures import exif, opened, photo, saved, wide_icc
from pixlean.imaging import jpegli
from pixlean.imaging.vips import vips


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


def _with_press_profile(picture: Image.Image) -> bytes:
    """A CMYK JPEG with the half-megabyte profile that libvips brings."""
    pixels = np.ascontiguousarray(np.asarray(picture))
    image = vips().Image.new_from_array(pixels, interpretation="srgb").icc_export(output_profile="cmyk")
    made: bytes = image.jpegsave_buffer(Q=92)
    return made


def _shown(data: bytes) -> np.ndarray:
    """As Chromium shows it, near enough: by its profile, colorimetric, its black as black as paper makes it."""
    image = opened(data)
    if "icc_profile" in image.info:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        image = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB", flags=0
        )
    return np.asarray(image.convert("RGB")).astype(int)


def test_a_profile_that_outweighs_its_picture_goes_and_the_colours_stay() -> None:
    data = _with_press_profile(photo().resize((400, 300)))
    profile = len(opened(data).info["icc_profile"])
    assert profile > 100_000
    outcome = pixlean.compress(data, quality=70)
    assert len(outcome.data) < len(data) - profile and opened(outcome.data).mode == "RGB"
    assert np.abs(_shown(data) - _shown(outcome.data)).mean() < 4
    assert pixlean.compress(data, quality=70, max_reduction=30).reduction_percent <= 30
    kept = pixlean.compress(data, quality=70, strip_metadata=False)
    assert opened(kept.data).mode == "CMYK" and opened(kept.data).info["icc_profile"]


@pytest.mark.parametrize("fault", ["of a screen", "cut short"])
def test_a_heavy_profile_that_is_none_of_a_press_counts_for_nothing(fault: str) -> None:
    """Browsers show CMYK with such a profile as if it had none; libvips would take a press of its own."""
    profile = opened(_with_press_profile(photo().resize((64, 48)))).info["icc_profile"]
    wrong = wide_icc() + bytes(60_000) if fault == "of a screen" else profile[:40_000]
    data = saved(photo().convert("CMYK"), "JPEG", quality=90, icc_profile=wrong)
    plain = saved(photo().convert("CMYK"), "JPEG", quality=90)
    for wish in ({"quality": 70}, {"quality": 70, "format": "png", "png_lossy": False}):
        shown = np.asarray(opened(pixlean.compress(data, **wish).data).convert("RGB")).astype(int)  # type: ignore[arg-type]
        assert np.abs(shown - np.asarray(opened(plain).convert("RGB")).astype(int)).mean() < 5


def test_a_profile_that_is_a_small_part_of_a_large_file_stays_with_its_inks() -> None:
    grain = np.random.default_rng(1).integers(0, 256, (2000, 3000, 3), np.uint8)
    data = _with_press_profile(Image.fromarray(grain))
    assert len(data) > 10 * len(opened(data).info["icc_profile"])
    assert opened(pixlean.compress(data, quality=70).data).mode == "CMYK"


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

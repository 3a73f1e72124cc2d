"""WebP, GIF, AVIF, HEIC, TIFF, BMP and JPEG XL: what each must not lose."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import DURATIONS, animated, exif, graphic, heic, jxl, opened, page, photo, saved, wide_icc, with_alpha
from pixlean.codecs import gif


def test_lossless_webp_is_not_made_lossy_at_low_strength() -> None:
    data = saved(graphic(), "WEBP", lossless=True, method=0)
    outcome = pixlean.compress(data, quality=80)
    assert np.array_equal(np.asarray(opened(data)), np.asarray(opened(outcome.data)))
    assert pixlean.probe(outcome.data).lossless


def test_an_animated_webp_keeps_frames_times_and_loop() -> None:
    outcome = pixlean.compress(animated("WEBP", quality=100), quality=40)
    info = pixlean.probe(outcome.data)
    assert (info.frames, info.loop_count, list(info.durations_ms)) == (5, 3, DURATIONS)


def test_webp_metadata_goes_and_orientation_and_profile_stay() -> None:
    data = saved(photo(), "WEBP", quality=95, exif=exif(8), icc_profile=wide_icc())
    outcome = pixlean.compress(data, quality=50)
    assert b"SecretCam" not in outcome.data
    assert opened(outcome.data).getexif()[0x0112] == 8
    assert opened(outcome.data).info["icc_profile"] == wide_icc()


@pytest.mark.parametrize("with_gifsicle", [True, False])
@pytest.mark.parametrize("quality", [40, 60, 80])
def test_a_gif_keeps_frames_times_and_loop_with_and_without_gifsicle(
    quality: int, with_gifsicle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_gifsicle and gif.find_tool("gifsicle") is None:
        pytest.skip("gifsicle is not installed on this machine; the fall-back is tested")
    if not with_gifsicle:
        monkeypatch.setattr(gif, "find_tool", lambda name: None)
    data = animated("GIF", comment=b"SecretComment")
    outcome = pixlean.compress(data, quality=quality)
    info = pixlean.probe(outcome.data)
    assert (info.frames, info.loop_count, list(info.durations_ms)) == (5, 3, DURATIONS)
    assert b"SecretComment" not in outcome.data
    if quality == 80:
        for number in range(5):
            before, after = opened(data), opened(outcome.data)
            before.seek(number), after.seek(number)
            assert np.array_equal(np.asarray(before.convert("RGBA")), np.asarray(after.convert("RGBA")))


def test_avif_says_nothing_private_and_stays_upright() -> None:
    data = saved(photo(), "AVIF", quality=95, speed=9, exif=exif(6), icc_profile=wide_icc())
    for quality in (40, 90):
        outcome = pixlean.compress(data, quality=quality)
        assert b"SecretCam" not in outcome.data
        assert pixlean.probe(outcome.data).displayed_px == pixlean.probe(data).displayed_px == (192, 256)
        assert opened(outcome.data).info["icc_profile"] == wide_icc()


def test_a_ten_bit_avif_stays_ten_bit() -> None:
    import pyvips

    deep = pyvips.Image.new_from_array((np.asarray(photo()).astype(np.uint16) * 257), interpretation="rgb16")
    data = deep.heifsave_buffer(compression="av1", bitdepth=10, Q=98, effort=1)
    outcome = pixlean.compress(data, quality=40)
    assert pixlean.probe(data).bit_depth == pixlean.probe(outcome.data).bit_depth == 10
    assert len(outcome.data) < len(data)


def test_an_animated_avif_is_left_alone() -> None:
    data = animated("AVIF", quality=95, speed=9)
    outcome = pixlean.compress(data, quality=40)
    assert pixlean.probe(outcome.data).frames == 5
    assert outcome.method in ("none", "metadata-strip")


def test_heic_says_nothing_private() -> None:
    data = heic(exif=exif(1))
    assert b"SecretCam" in data
    for quality in (40, 95):
        assert b"SecretCam" not in pixlean.compress(data, quality=quality).data


def test_every_page_of_a_tiff_stays() -> None:
    pages = [photo(), graphic(), photo().convert("L")]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    outcome = pixlean.compress(data, quality=80)
    result = opened(outcome.data)
    assert result.n_frames == 3 and len(outcome.data) < len(data)
    for number, original in enumerate(pages):
        result.seek(number)
        assert np.array_equal(np.asarray(result), np.asarray(original))


def test_a_photograph_in_tiff_becomes_jpeg_in_tiff_when_pressed() -> None:
    outcome = pixlean.compress(saved(photo(), "TIFF"), quality=40)
    assert outcome.method == "tiff_jpeg" and outcome.reduction_percent > 70
    assert np.abs(np.asarray(opened(outcome.data).convert("RGB")).astype(int) - np.asarray(photo())).mean() < 8


@pytest.mark.parametrize("mode", ["1", "I;16", "CMYK", "RGBA"])
def test_tiff_modes_stay_exact(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(photo().convert("L")).astype(np.uint16) * 257)
    else:
        image = {"RGBA": with_alpha(), "1": page()}.get(mode, photo()).convert(mode)
    data = saved(image, "TIFF")
    outcome = pixlean.compress(data, quality=40)
    result = opened(outcome.data)
    assert result.mode == image.mode and len(outcome.data) < len(data)
    assert np.array_equal(np.asarray(result), np.asarray(image))
    if mode == "1":
        assert outcome.method == "tiff_g4"


def test_tiff_tags_that_are_private_go() -> None:
    data = saved(photo(), "TIFF", software="SecretTool", description="SecretText")
    assert b"Secret" not in pixlean.compress(data, quality=80).data


def test_a_flat_bmp_becomes_rle8_and_stays_exact() -> None:
    outcome = pixlean.compress(saved(graphic(), "BMP"), quality=90)
    assert outcome.method == "bmp-rle8"
    assert np.array_equal(np.asarray(opened(outcome.data).convert("RGB")), np.asarray(graphic()))


def test_a_bmp_with_alpha_keeps_it() -> None:
    data = saved(with_alpha(), "BMP")
    outcome = pixlean.compress(data, quality=40)
    assert np.array_equal(np.asarray(opened(data).convert("RGBA")), np.asarray(opened(outcome.data).convert("RGBA")))


def test_a_jpeg_inside_jxl_is_not_undone() -> None:
    import imagecodecs

    data = bytes(imagecodecs.jpegxl_encode_jpeg(saved(photo(), "JPEG", quality=95)))
    outcome = pixlean.compress(data, quality=40)
    assert outcome.method in ("none", "metadata-strip")
    before, after = imagecodecs.jpegxl_decode(data), imagecodecs.jpegxl_decode(outcome.data)
    assert np.array_equal(before, after)


def test_jxl_is_encoded_again_at_strength() -> None:
    outcome = pixlean.compress(jxl(), quality=40)
    assert outcome.method == "jxl-reencode" and outcome.reduction_percent > 30


def test_an_opened_result_is_what_its_name_says() -> None:
    outcome = pixlean.compress(saved(photo(), "PNG"), quality=40)
    assert Image.open(io.BytesIO(outcome.data)).format == "PNG"

"""Conversion, edits, quality by eye and by size, on real pixels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

import pixlean
from pictures import (
    DURATIONS,
    FORMATS,
    animated,
    every_format,
    exif,
    graphic,
    opened,
    photo,
    saved,
    wide_icc,
    with_alpha,
)
from pixlean.domain.edits import Crop, Edits, Fit, Resize
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome
from pixlean.engine.compress import compress
from pixlean.imaging.perception import Judge
from pixlean.imaging.worth import SMART_SCORE

TARGETS = ["jpeg", "png", "webp", "avif", "jxl", "gif", "tiff", "bmp", "heic"]


def to(data: bytes, *targets: str, **words: Any) -> Outcome:
    return compress(data, Recipe(outputs=tuple(Format(target) for target in targets), **words))


def pixels(data: bytes) -> Any:
    if data[:2] == b"\xff\x0a" or data[4:8] == b"JXL ":
        import imagecodecs

        decoded = imagecodecs.jpegxl_decode(data)
        return decoded[0] if decoded.ndim == 4 else decoded
    return np.asarray(opened(data).convert("RGB"))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("target", TARGETS)
def test_every_format_becomes_every_other(name: str, target: str) -> None:
    source = every_format()[name]
    outcome = to(source, target, quality=90)
    assert outcome.format in (target, "apng") and outcome.report.width_px > 0
    made = pixels(outcome.data)
    assert made.shape[:2] == (outcome.report.height_px, outcome.report.width_px)
    if name in ("png", "jpeg", "webp", "avif", "heic", "tiff", "jxl"):
        assert np.abs(made[..., :3].astype(int) - np.asarray(photo()).astype(int)).mean() < 9


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_result_is_upright_whatever_the_source_says(orientation: int) -> None:
    source = saved(photo(), "JPEG", quality=95, exif=exif(orientation))
    from PIL import ImageOps

    shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(source))).convert("RGB"))
    for target in ("png", "webp"):
        made = opened(to(source, target, quality=95).data)
        assert "exif" not in made.info
        assert np.abs(np.asarray(made.convert("RGB")).astype(int) - shown.astype(int)).mean() < 6


def test_metadata_travels_where_it_is_wanted_and_says_upright() -> None:
    source = saved(photo(), "JPEG", quality=95, exif=exif(6))
    for target in ("jpeg", "webp", "png", "avif"):
        kept = Image.open(io.BytesIO(to(source, target, quality=70, strip_metadata=False, edits=Edits(flip=True)).data))
        assert kept.getexif()[0x010F] == "SecretCam" and kept.getexif().get(0x0112, 1) == 1, target


def test_a_wide_profile_is_converted_to_srgb() -> None:
    source = saved(photo(), "PNG", icc_profile=wide_icc())
    made = opened(to(source, "webp", quality=95).data)
    assert "icc_profile" not in made.info
    # The profile exchanges red and green: so must the pixels.
    red, green, _ = np.asarray(made.convert("RGB")).reshape(-1, 3).mean(axis=0)
    assert green > red


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_becomes_what_browsers_show_of_it(kind: str) -> None:
    """Each ink takes its share of the light, which is what Pillow's conversion does too."""
    rows, columns = np.mgrid[0:96, 0:128]
    inks = np.stack([2 * columns, 2 * rows, 255 - 2 * columns, rows], axis=-1).clip(0, 255).astype(np.uint8)
    source = saved(Image.fromarray(inks, "CMYK"), kind, **({"quality": 100} if kind == "JPEG" else {}))
    shown = np.asarray(opened(source).convert("RGB")).astype(int)
    made = pixels(to(source, "png").data).astype(int)
    assert np.abs(made - shown).max() <= 2


def test_alpha_stays_where_it_can_and_shows_the_background_where_not() -> None:
    source = saved(with_alpha(), "PNG")
    for target in ("png", "webp", "avif"):
        assert opened(to(source, target).data).convert("RGBA").getchannel("A").getextrema()[0] < 20
    red = opened(to(source, "jpeg", background=(255, 0, 0)).data)
    assert red.mode == "RGB" and red.getpixel((1, 90))[0] > 230 and red.getpixel((1, 90))[1] < 40


def test_deep_pictures_stay_deep_where_the_target_can() -> None:
    deep = np.linspace(0, 65535, 128 * 96 * 3).reshape(96, 128, 3).astype(np.uint16)
    import imagecodecs

    source = bytes(imagecodecs.png_encode(deep))
    assert pixlean.probe(to(source, "jxl").data).bit_depth == 16
    assert pixlean.probe(to(source, "avif").data).bit_depth == 10
    assert pixlean.probe(to(source, "webp").data).bit_depth == 8


@pytest.mark.parametrize("source", ["GIF", "WEBP", "PNG"])
@pytest.mark.parametrize("target", ["webp", "gif", "png"])
def test_animations_keep_moving(source: str, target: str) -> None:
    outcome = to(animated(source), target, quality=90, edits=Edits(flop=True))
    made = opened(outcome.data)
    assert made.n_frames == 5
    shown = []
    for number in range(5):
        made.seek(number)
        made.load()
        shown.append(made.info["duration"])
    assert [round(value) for value in shown] == DURATIONS


def test_an_animation_becomes_its_first_frame_in_a_still_format() -> None:
    made = opened(to(animated("GIF"), "jpeg", quality=90).data)
    assert np.abs(np.asarray(made).astype(int) - 240).max() < 255 and getattr(made, "n_frames", 1) == 1


EDITS = [
    (Edits(crop=Crop(left_px=10, top_px=20, width_px=100, height_px=50)), (100, 50)),
    (Edits(rotate_degrees=90), (192, 256)),
    (Edits(rotate_degrees=-90), (192, 256)),
    (Edits(resize=Resize(width_px=128)), (128, 96)),
    (Edits(resize=Resize(width_px=1000)), (256, 192)),
    (Edits(resize=Resize(width_px=128, height_px=20)), (27, 20)),
    (Edits(resize=Resize(width_px=50, height_px=50, fit=Fit.EXACT)), (50, 50)),
    (Edits(resize=Resize(width_px=50, height_px=50, fit=Fit.COVER)), (50, 50)),
    (Edits(resize=Resize(width_px=512, fit=Fit.SCALE)), (512, 384)),
    (Edits(crop=Crop(left_px=0, top_px=0, width_px=100, height_px=50), rotate_degrees=90), (50, 100)),
    (Edits(crop=Crop(left_px=0, top_px=0, width_px=100, height_px=50), resize=Resize(width_px=20)), (20, 10)),
]


@pytest.mark.parametrize(("edits", "size"), EDITS)
def test_sizes_after_edits(edits: Edits, size: tuple[int, int]) -> None:
    outcome = to(saved(photo(), "PNG"), "png", edits=edits, png_lossy=False)
    assert (outcome.report.width_px, outcome.report.height_px) == size == opened(outcome.data).size
    assert outcome.report.resized == (edits.resize is not None and size != (256, 192))


def edited(**words: Any) -> Any:
    return pixels(to(saved(photo(), "PNG"), "png", edits=Edits(**words), png_lossy=False).data).astype(int)


def test_pixels_after_edits() -> None:
    plain = np.asarray(photo()).astype(int)
    assert np.array_equal(edited(flip=True), plain[::-1])
    assert np.array_equal(edited(flop=True), plain[:, ::-1])
    assert np.array_equal(edited(rotate_degrees=90), np.rot90(plain, -1))
    assert np.array_equal(edited(rotate_degrees=360), plain)
    assert edited(brightness=1.4).mean() > plain.mean() + 20 > edited(brightness=0.6).mean() + 40
    assert edited(contrast=1.5).std() > plain.std() > edited(contrast=0.5).std()
    grey = edited(greyscale=True)
    assert (
        np.array_equal(grey[..., 0], grey[..., 1])
        and np.abs(edited(saturation=0)[..., 0] - edited(saturation=0)[..., 2]).max() < 4
    )
    assert np.abs(np.diff(edited(blur_sigma=3), axis=0)).mean() < np.abs(np.diff(plain, axis=0)).mean() / 2
    assert np.abs(np.diff(edited(sharpen=True), axis=0)).mean() > np.abs(np.diff(plain, axis=0)).mean()


def test_a_resize_averages_light_and_not_numbers() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    outcome = to(
        saved(Image.fromarray(stripes), "PNG"), "png", edits=Edits(resize=Resize(width_px=16)), png_lossy=False
    )
    assert 180 < pixels(outcome.data)[4:12, 4:12].mean() < 195  # half the light is 188 in sRGB


def test_a_turn_by_any_angle_shows_nothing_or_white_in_the_corners() -> None:
    edits = Edits(rotate_degrees=30)
    clear = opened(to(saved(photo(), "PNG"), "png", edits=edits, png_lossy=False).data)
    assert clear.mode == "RGBA" and clear.getpixel((0, 0))[3] == 0
    assert min(opened(to(saved(photo(), "PNG"), "jpeg", edits=edits).data).getpixel((1, 1))) > 245


def test_a_crop_outside_the_upright_picture_is_refused() -> None:
    source = saved(photo(), "JPEG", quality=90, exif=exif(6))  # 192 x 256 upright
    assert (
        to(source, "png", edits=Edits(crop=Crop(left_px=0, top_px=100, width_px=192, height_px=156))).report.height_px
        == 156
    )
    with pytest.raises(InvalidRequest, match="crop"):
        to(source, "png", edits=Edits(crop=Crop(left_px=100, top_px=0, width_px=156, height_px=10)))


def test_a_large_jpeg_is_shrunk_while_it_is_loaded_and_looks_the_same() -> None:
    large = photo().resize((2048, 1536), Image.Resampling.BICUBIC)
    edits = Edits(resize=Resize(width_px=256))
    quick = pixels(to(saved(large, "JPEG", quality=95), "png", edits=edits, png_lossy=False).data).astype(int)
    slow = pixels(to(saved(large, "PNG"), "png", edits=edits, png_lossy=False).data).astype(int)
    assert np.abs(quick - slow).mean() < 3


@pytest.mark.parametrize("target", ["jpeg", "webp", "avif", "jxl"])
def test_smart_is_just_good_enough(target: str) -> None:
    source = Image.fromarray(samples.astronaut())
    outcome = to(saved(source, "PNG"), target, smart=True)
    import imagecodecs

    made = (
        imagecodecs.jpegxl_decode(outcome.data) if target == "jxl" else np.asarray(opened(outcome.data).convert("RGB"))
    )
    score = Judge((np.asarray(source),)).score((made,))
    assert SMART_SCORE - 0.5 <= score <= SMART_SCORE + 4 and outcome.report.encodes <= 6
    assert outcome.score == pytest.approx(score, abs=0.6)


def test_a_jpeg_that_is_no_better_than_smart_is_only_repacked() -> None:
    worn = saved(photo(), "JPEG", quality=50)
    outcome = compress(worn, Recipe(smart=True))
    assert outcome.method in ("jpegli-transcode", "none")
    assert np.array_equal(pixels(outcome.data), pixels(worn))


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif", "png"])
def test_doing_it_again_returns_what_is_there(name: str) -> None:
    once = compress(every_format()[name], Recipe(quality=60)).data
    assert compress(once, Recipe(quality=60)).method in ("none", "jpegli-transcode")
    smart = compress(every_format()[name], Recipe(smart=True)).data
    again = compress(smart, Recipe(smart=True))
    assert len(again.data) >= 0.97 * len(smart), again.method


def test_min_score_is_kept_in_the_own_format_too() -> None:
    source = saved(photo(), "WEBP", lossless=True)
    outcome = compress(source, Recipe(min_score=85))
    made = np.asarray(opened(outcome.data).convert("RGB"))
    assert outcome.format is Format.WEBP and Judge((np.asarray(photo()),)).score((made,)) >= 84.5
    assert len(outcome.data) < len(source)


@pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "apng", "tiff"])
def test_a_target_size_is_met_and_never_exceeded(name: str, share: float) -> None:
    big = {"apng": animated("PNG"), "jpeg": saved(Image.fromarray(samples.astronaut()), "JPEG", quality=95)}
    source = big.get(name) or every_format()[name]
    most = int(share * len(source))
    outcome = compress(source, Recipe(target_bytes=most))
    assert outcome.report.encodes <= 8
    if outcome.report.target_met:
        assert len(outcome.data) <= most
    else:
        assert name == "apng"  # 60 bytes for five frames
    if name == "jpeg":
        assert outcome.report.target_met and len(outcome.data) >= 0.95 * most


def test_a_target_that_can_not_be_met_is_said() -> None:
    outcome = to(every_format()["png"], "png", target_bytes=40)
    assert outcome.report.target_met is False and outcome.report.encodes <= 8


def test_auto_takes_the_smallest_at_equal_quality() -> None:
    source = saved(Image.fromarray(samples.astronaut()), "PNG")
    auto = to(source, "jpeg", "png", "webp", "avif", auto=True)
    assert auto.format is Format.AVIF
    assert len(auto.data) < len(to(source, "jpeg", "png", auto=True).data)
    drawn = to(saved(graphic(), "PNG"), "jpeg", "png", "webp", auto=True)
    assert drawn.format in ("png", "webp") and np.array_equal(pixels(drawn.data), np.asarray(graphic()))
    assert to(saved(with_alpha(), "PNG"), "jpeg", "png", auto=True).format is Format.PNG
    assert pixlean.probe(to(animated("GIF"), "jpeg", "png", "webp", auto=True).data).frames == 5


def test_preview_is_small_and_upright() -> None:
    large = photo().resize((2600, 1950))
    outcome = to(saved(large, "JPEG", quality=90, exif=exif(6)), "webp", preview=True)
    assert (outcome.report.width_px, outcome.report.height_px) == (960, 1280) and outcome.report.resized


def test_a_drawing_is_rendered_at_the_size_that_is_asked_for() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="red"/></svg>'
    outcome = to(svg, "png", edits=Edits(resize=Resize(width_px=400, fit=Fit.SCALE)), png_lossy=False)
    made = opened(outcome.data).convert("RGBA")
    assert (
        made.size == (400, 200) and made.getpixel((198, 100)) == (255, 0, 0, 255) and made.getpixel((202, 100))[3] == 0
    )


def test_high_dynamic_range_becomes_a_picture_that_looks_right() -> None:
    from pixlean.imaging.hdr import to_srgb

    # ITU-R BT.2408: diffuse white (203 cd/m2) is 58 % of the PQ scale and 75 % of HLG's; BT.2020 grey stays grey.
    for transfer, white in ((16, 0.58), (18, 0.75)):
        ramp = np.array([[[0.0] * 3, [white * 0.5] * 3, [white] * 3, [1.0] * 3]]) * 65535
        shown = to_srgb(ramp.astype(np.uint16), 9, transfer)[0, :, 0] / 65535
        assert shown[0] == 0 and shown[1] < shown[2] < shown[3] and 0.85 < shown[2] < 0.98 and shown[3] > 0.98
    assert to_srgb(np.full((2, 2, 3), 128, np.uint8), 12, 13).tolist()[0][0] == [128, 128, 128]
    red = to_srgb(np.array([[[200, 60, 60]]], np.uint8), 12, 13)[0, 0]
    assert red[0] > 200 and red[1] < 60  # the same red needs more of sRGB's


def test_a_png_with_pq_is_converted() -> None:
    import zlib

    plain = saved(photo(), "PNG")
    body = b"cICP" + bytes((9, 16, 0, 1))
    pq = plain[:33] + (4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big") + plain[33:]
    assert pixels(to(pq, "webp", quality=95).data).std() > 1.2 * pixels(plain).std()


def test_an_avif_with_pq_is_converted() -> None:
    plain = saved(photo(), "AVIF", quality=90, speed=9)
    at = plain.index(b"colrnclx") + 8
    pq = plain[:at] + bytes((0, 9, 0, 16)) + plain[at + 4 :]
    assert pixlean.probe(pq).cicp == (9, 16)
    made = pixels(to(pq, "png", png_lossy=False).data)
    # The same numbers read as PQ have far more contrast: what was dark is black, middle grey is a highlight.
    assert made.std() > 1.2 * pixels(plain).std() and made.max() > 250


def test_a_side_that_a_format_can_not_hold_is_said() -> None:
    from pixlean.domain.errors import LimitExceeded

    wide = saved(Image.new("L", (17_000, 4)), "PNG")
    with pytest.raises(LimitExceeded, match="16383"):
        to(wide, "webp")
    assert to(wide, "webp", "jpeg", auto=True).format is Format.JPEG


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_effort_counts_without_a_conversion_too(kind: str) -> None:
    data = saved(photo(), kind) if kind == "PNG" else saved(photo(), kind, quality=100)
    quick, slow = (compress(data, Recipe(quality=60, effort=effort)) for effort in (0, 9))
    assert len(slow.data) < len(quick.data) < len(data)


@pytest.mark.parametrize("more", [{"min_score": 60.0}, {"smart": True}, {"outputs": (Format.WEBP,)}])
def test_no_search_reduces_more_than_it_may(more: dict[str, Any]) -> None:
    data = saved(photo(), "JPEG", quality=97)
    made = compress(data, Recipe(quality=40, max_reduction=30, **more))
    assert len(data) > len(made.data) >= 0.7 * len(data) - 1


def test_a_target_size_under_max_reduction_is_refused() -> None:
    data = saved(photo(), "JPEG", quality=97)
    with pytest.raises(InvalidRequest, match="max_reduction"):
        compress(data, Recipe(max_reduction=30, target_bytes=len(data) // 2))


def test_a_deep_tiff_of_one_row_is_resized() -> None:
    import io

    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, np.linspace(0, 1, 256, dtype=np.float64).reshape(1, 256), photometric="minisblack")
    made = pixlean.compress(out.getvalue(), edits=Edits(resize=Resize(width_px=64)))
    assert opened(made.data).size == (64, 1)
    single = pixlean.compress(out.getvalue(), edits=Edits(resize=Resize(width_px=1, height_px=1, fit=Fit.COVER)))
    assert opened(single.data).size == (1, 1)

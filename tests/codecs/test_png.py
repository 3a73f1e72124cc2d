"""PNG and APNG: exactness, depth, chunks, animation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter, PngImagePlugin

import pixlean
from pictures import DURATIONS, animated, exif, graphic, opened, photo, saved, wide_icc, with_alpha
from pixlean.codecs import png
from pixlean.imaging import pngguess, pngpalette


@pytest.mark.parametrize("options", [{"quality": 100}, {"quality": 30, "png_lossy": False}])
def test_no_pixel_changes_where_none_may(options: dict[str, object]) -> None:
    data = saved(with_alpha(), "PNG", compress_level=1)
    outcome = pixlean.compress(data, **options)  # type: ignore[arg-type]
    assert outcome.method == "oxipng"
    assert np.array_equal(np.asarray(opened(data)), np.asarray(opened(outcome.data).convert("RGBA")))


def test_a_palette_is_used_where_loss_is_allowed_and_alpha_stays() -> None:
    data = saved(with_alpha(), "PNG")
    outcome = pixlean.compress(data, quality=40)
    assert outcome.method == "libimagequant + oxipng"
    before, after = np.asarray(opened(data)), np.asarray(opened(outcome.data).convert("RGBA"))
    assert np.abs(before[..., 3].astype(int) - after[..., 3].astype(int)).mean() < 6


def palettes_made(outcome: pixlean.Outcome) -> int:
    return sum(each.method == "libimagequant + oxipng" and each.dropped is None for each in outcome.report.attempts)


def test_a_palette_that_spoils_the_picture_is_followed_by_a_better_one() -> None:
    rows, columns = np.mgrid[0:240, 0:320]
    faint = [(columns // 8 * 7 + rows // 8 * 3) % 5, columns // 8 * 3 % 6, rows // 8 * 5 % 7]
    data = saved(Image.fromarray((120 + np.stack(faint, -1)).astype(np.uint8)), "PNG", compress_level=0)
    outcome = pixlean.compress(data, quality=80)
    assert palettes_made(outcome) == 2 and outcome.method == "libimagequant + oxipng"


def test_a_full_palette_that_spoils_the_picture_is_made_once() -> None:
    """No better one can be had, and on large pictures of noise each takes many seconds."""
    rows, columns = np.mgrid[0:240, 0:320] // 8
    many = [(columns * 37 + rows * 91) % 256, (columns * 53 + rows * 17) % 256, (columns * 11 + rows * 71) % 256]
    data = saved(Image.fromarray(np.stack(many, -1).astype(np.uint8)), "PNG", compress_level=0)
    outcome = pixlean.compress(data, quality=80)
    assert palettes_made(outcome) == 1 and outcome.method in ("oxipng", "none")


def indexed() -> bytes:
    """A drawing whose edges fade over a palette's 256 colours, which nobody could tell apart."""
    return saved(graphic().filter(ImageFilter.GaussianBlur(4)).quantize(256), "PNG")


def test_a_poor_palette_is_chosen_again_where_strength_is_asked_for_and_never_else() -> None:
    data = indexed()
    strong, gentle = pixlean.compress(data, quality=40), pixlean.compress(data, quality=80)
    assert strong.method == "libimagequant + oxipng" and len(strong.data) <= 0.7 * len(gentle.data)
    assert np.array_equal(np.asarray(opened(data).convert("RGB")), np.asarray(opened(gentle.data).convert("RGB")))
    assert pixlean.estimate(data, quality=40).optimized_bytes == len(strong.data)


@pytest.mark.parametrize("quality", [40, 60])
@pytest.mark.parametrize("picture", [photo, with_alpha])
def test_a_palette_of_our_own_is_not_chosen_again(picture: Callable[[], Image.Image], quality: int) -> None:
    once = pixlean.compress(saved(picture(), "PNG"), quality=quality)
    assert once.method == "libimagequant + oxipng"
    assert pixlean.compress(once.data, quality=quality).method != "libimagequant + oxipng"


def test_sixteen_bits_stay_sixteen() -> None:
    import imagecodecs

    deep = (np.random.default_rng(1).integers(0, 65536, (64, 64, 3))).astype(np.uint16)
    deep[20:40] = 1000
    data = bytes(imagecodecs.png_encode(deep, level=1))
    outcome = pixlean.compress(data, quality=30)
    assert pixlean.probe(outcome.data).bit_depth == 16
    assert np.array_equal(imagecodecs.png_decode(outcome.data), deep)


def test_text_goes_or_stays_as_asked() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "SecretName")
    data = saved(photo(), "PNG", pnginfo=text, exif=exif(6), icc_profile=wide_icc())
    gone, kept = pixlean.compress(data, quality=60), pixlean.compress(data, quality=60, strip_metadata=False)
    assert b"SecretName" not in gone.data and b"SecretCam" not in gone.data
    assert opened(gone.data).getexif()[0x0112] == 6
    assert opened(gone.data).info["icc_profile"] == wide_icc()
    assert b"SecretName" in kept.data and b"SecretCam" in kept.data


def test_an_animation_keeps_frames_times_and_loop() -> None:
    outcome = pixlean.compress(animated("PNG"), quality=40)
    image = opened(outcome.data)
    assert image.n_frames == 5 and image.info["loop"] == 3
    assert list(pixlean.probe(outcome.data).durations_ms) == DURATIONS


def test_palettes_that_would_fail_their_floor_are_not_chosen_for_the_whole_of_a_large_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise has more colours than any palette; to find that out on all of it takes seconds."""
    chosen: list[int] = []
    quantised = pngpalette.quantised

    def counted(pixels: np.ndarray, **wish: Any) -> bytes:
        chosen.append(pixels.shape[0] * pixels.shape[1])
        return quantised(pixels, **wish)

    for module in (png, pngguess, pngpalette):
        monkeypatch.setattr(module, "quantised", counted)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (700, 800, 3), np.uint8))
    outcome = pixlean.compress(saved(noise, "PNG"), quality=75)
    assert max(chosen) < 100_000 and np.array_equal(np.asarray(opened(outcome.data)), np.asarray(noise))
    assert any("a part of it scores" in str(each.dropped) for each in outcome.attempts)
    # What has a chance is chosen for as before.
    assert "libimagequant" in pixlean.compress(saved(photo().resize((900, 675)), "PNG"), quality=75).method

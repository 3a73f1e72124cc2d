"""What goes out without being decoded: the same pixels, and nothing of whoever took the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pictures import animated, every_format, exif, opened, photo, saved, wide_icc, with_alpha
from pixlean.domain.formats import FORMATS, Format

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretPlace</x:xmpmeta>"


def bare(data: bytes, form: Format) -> bytes | None:
    take = FORMATS[form].bare
    return None if take is None else take(data)


def pixels(data: bytes) -> list[np.ndarray]:
    image = opened(data)
    frames = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(np.asarray(image.convert("RGBA")))
    return frames


def with_text() -> PngImagePlugin.PngInfo:
    made = PngImagePlugin.PngInfo()
    made.add_text("Author", "SecretPerson")
    made.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return made


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (Format.JPEG, saved(photo(), "JPEG", exif=exif(1), comment=b"SecretWord", xmp=XMP, icc_profile=wide_icc())),
        (Format.JPEG, saved(photo(), "JPEG", progressive=True, exif=exif(8)) + b"SecretTrailer"),
        (Format.JPEG, saved(photo().convert("CMYK"), "JPEG", comment=b"SecretWord")),
        (Format.PNG, saved(with_alpha(), "PNG", pnginfo=with_text(), icc_profile=wide_icc())),
        (Format.APNG, animated("PNG", pnginfo=with_text())),
        (Format.WEBP, saved(with_alpha(), "WEBP", exif=exif(1), xmp=XMP, icc_profile=wide_icc())),
        (Format.WEBP, animated("WEBP", exif=exif(1))),
        (Format.GIF, animated("GIF", comment=b"SecretWord")),
    ],
)
def test_pixels_profile_and_motion_stay_and_everything_else_goes(form: Format, data: bytes) -> None:
    shown = bare(data, form)
    assert shown is not None and b"Secret" not in shown
    before, after = pixels(data), pixels(shown)
    assert len(before) == len(after) and all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    for name in ("icc_profile", "loop", "duration"):
        assert opened(data).info.get(name) == opened(shown).info.get(name)
    assert opened(data).getexif().get(0x0112, 1) == opened(shown).getexif().get(0x0112, 1)


def test_what_needs_a_decoder_is_not_shown() -> None:
    turned = saved(photo(), "PNG", exif=exif(6))
    assert bare(turned, Format.PNG) is None
    for name, data in every_format().items():
        if name not in ("jpeg", "png", "apng", "webp", "gif"):
            assert bare(data, Format(name)) is None


@pytest.mark.parametrize("name", ["jpeg", "png", "apng", "webp", "gif"])
def test_a_file_that_ends_early_or_lies_is_refused_or_shown_as_far_as_it_goes(name: str) -> None:
    data = every_format()[name]
    random = np.random.default_rng(3)
    for cut in range(0, len(data), max(1, len(data) // 40)):
        bare(data[:cut], Format(name))
    for _ in range(300):
        broken = bytearray(data)
        broken[int(random.integers(2, min(len(data), 400)))] = int(random.integers(256))
        shown = bare(bytes(broken), Format(name))
        assert shown is None or len(shown) <= len(broken) + 40


def test_a_jpeg_of_pillow_is_read_by_others_as_well() -> None:
    shown = bare(saved(photo(), "JPEG", exif=exif(3)), Format.JPEG)
    assert shown is not None
    assert Image.open(io.BytesIO(shown)).getexif()[0x0112] == 3

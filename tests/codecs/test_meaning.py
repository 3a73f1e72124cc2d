"""Odd files mean the same after every way through: judged by what was drawn, and by readers that pixlean does not use."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageOps

import pixlean
from meaning.webpfile import frame, webp
from pictures import animated, opened, photo, saved
from pixlean.domain.edits import Edits, Fit, Resize
from pixlean.domain.errors import BadImage, LimitExceeded
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Keep

WAYS: dict[str, dict[str, Any]] = {
    "png": {"outputs": (Format.PNG,), "png_lossy": False},
    "webp": {"outputs": (Format.WEBP,), "quality": 95},
    "smaller": {"edits": Edits(resize=Resize(width_px=100)), "outputs": (Format.PNG,), "quality": 100},
}
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def tiff(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def off_by(data: bytes, wanted: Image.Image) -> float:
    image = opened(data)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    shown = image.convert("RGB")
    expected = wanted.convert("RGB").resize(shown.size, Image.Resampling.BOX)
    assert abs(shown.width / shown.height - wanted.width / wanted.height) < 0.03, (shown.size, wanted.size)
    return float(np.abs(np.asarray(shown).astype(int) - np.asarray(expected).astype(int)).mean())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("orientation", TURNS)
def test_a_tiff_is_turned_once(orientation: int, way: str) -> None:
    turn = TURNS[orientation]
    wanted = photo() if turn is None else photo().transpose(turn)
    outcome = pixlean.compress(saved(photo(), "TIFF", tiffinfo={274: orientation}), **WAYS[way])
    assert off_by(outcome.data, wanted) < 9


def lab(kind: str) -> bytes:
    import pyvips

    image = pyvips.Image.new_from_array(np.asarray(photo()), interpretation="srgb")
    return bytes(image.colourspace(kind).tiffsave_buffer())


def associated() -> bytes:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 100, 128
    return tiff(rgba, photometric="rgb", extrasamples=["assocalpha"])


RGB = np.asarray(photo())
GREY = np.asarray(photo().convert("L"))
SOURCES: dict[str, tuple[bytes, Image.Image]] = {
    "white is zero": (tiff(255 - GREY, photometric="miniswhite"), photo().convert("L")),
    "deep white is zero": (tiff((255 - GREY).astype(np.uint16) * 257, photometric="miniswhite"), photo().convert("L")),
    "float Lab": (lab("lab"), photo()),
    "16-bit Lab": (lab("labs"), photo()),
    "planes": (tiff(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"), photo()),
    "tiles with predictor": (tiff(RGB, photometric="rgb", tile=(64, 64), compression="zlib", predictor=True), photo()),
    "big-endian BigTIFF": (tiff(RGB, photometric="rgb", bigtiff=True, byteorder=">"), photo()),
    "32 bit": (tiff(GREY.astype(np.uint32) * 0x01010101, photometric="minisblack"), photo().convert("L")),
    "a sample of no meaning": (
        tiff(np.dstack([RGB, np.zeros_like(GREY)]), photometric="rgb", extrasamples=["unspecified"]), photo()
    ),
    "zstd": (tiff(RGB, photometric="rgb", compression="zstd"), photo()),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SOURCES)
def test_a_tiff_means_what_its_tags_say(name: str, way: str) -> None:
    data, wanted = SOURCES[name]
    assert off_by(pixlean.compress(data, **WAYS[way]).data, wanted) < 9


def test_colours_that_were_multiplied_by_their_alpha_are_divided_once() -> None:
    made = opened(pixlean.compress(associated(), outputs=(Format.PNG,), quality=100).data).convert("RGBA")
    assert np.abs(np.asarray(made)[0, 0].astype(int) - (199, 0, 0, 128)).max() <= 1


@pytest.mark.parametrize("name", ["tiles with predictor", "big-endian BigTIFF", "zstd"])
def test_tiled_big_and_modern_tiffs_shrink_and_can_be_read_by_others(name: str) -> None:
    data, wanted = SOURCES[name]
    outcome = pixlean.compress(data, quality=40)
    assert len(outcome.data) < 0.3 * len(data)
    assert off_by(outcome.data, wanted) < 12


@pytest.mark.parametrize("target", ["webp", "png", "avif", "jxl", "gif"])
@pytest.mark.parametrize(("loop", "plays"), [(None, 1), (0, 0), (1, 2), (4, 5)])
def test_an_animation_is_shown_as_often_in_every_format(loop: int | None, plays: int, target: str) -> None:
    frames = [photo().resize((48, 36)).rotate(40 * turn).quantize(32) for turn in range(3)]
    options: dict[str, Any] = {} if loop is None else {"loop": loop}
    source = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, **options)
    assert pixlean.probe(source).plays == plays
    made = pixlean.probe(pixlean.compress(source, outputs=(Format(target),), quality=60).data)
    assert (made.plays, made.frames) == (plays, 3)


@pytest.mark.parametrize(("target", "plays"), [("webp", 65_535), ("png", 65_536), ("avif", 65_536), ("jxl", 65_536)])
def test_an_animation_that_plays_more_often_than_its_new_format_can_say_plays_as_often_as_it_can(
    target: str, plays: int
) -> None:
    """A GIF counts repetitions in 16 bits, WebP plays."""
    frames = [photo().resize((48, 36)).rotate(40 * turn).quantize(32) for turn in range(3)]
    source = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, loop=65_535)
    assert pixlean.probe(pixlean.compress(source, format=target).data).plays == plays  # type: ignore[arg-type]


def test_an_animated_jpeg_xl_keeps_moving() -> None:
    moving = pixlean.compress(animated("GIF"), outputs=(Format.JXL,), quality=90)
    info = pixlean.probe(moving.data)
    assert (info.frames, info.plays) == (5, 4) and info.durations_ms == pixlean.probe(animated("GIF")).durations_ms
    smaller = pixlean.compress(moving.data, edits=Edits(resize=Resize(width_px=30)), quality=90)
    assert pixlean.probe(smaller.data).frames == 5


def exif_with(text: bytes) -> bytes:
    value = text + b"\0" * (2 - len(text) % 2)
    entry = struct.pack(">HHHII", 1, 0x8298, 2, len(value), 26)
    return b"MM\0*" + struct.pack(">I", 8) + entry + b"\0\0\0\0" + value


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


@pytest.mark.parametrize(
    "options",
    [
        {"keep": (Keep.COPYRIGHT,)},
        {"strip_metadata": False, "outputs": (Format.WEBP,)},
        {"strip_metadata": False, "edits": Edits(resize=Resize(width_px=100))},
        {"keep": (Keep.COPYRIGHT,), "outputs": (Format.PNG,)},
    ],
)
def test_a_copyright_keeps_its_letters(options: dict[str, Any]) -> None:
    said = "\u00a9 2024 Jos\u00e9 \u5c71\u7530".encode()
    source = with_segment(saved(photo(), "JPEG", quality=95), 0xE1, b"Exif\0\0" + exif_with(said))
    assert said in pixlean.compress(source, quality=60, **options).data


@pytest.mark.parametrize("target", [Format.JPEG, Format.WEBP, Format.PNG])
def test_what_a_tiff_says_of_itself_travels(target: Format) -> None:
    source = saved(photo(), "TIFF", tiffinfo={315: "Jane Doe", 33432: "(c) Jane Doe"})
    assert b"(c) Jane Doe" in pixlean.compress(source, outputs=(target,), strip_metadata=False).data
    assert b"Jane" not in pixlean.compress(source, outputs=(target,)).data


GAIN_MAP = (
    b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22'
    b'-rdf-syntax-ns#"><rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
CLIP = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x28udta\0\0\0\x20\xa9xyz\0\x14\x15\xc7+27.5916+086.5640/\0\0"


def test_a_clip_behind_a_picture_goes_with_what_is_private_and_stays_with_what_is_kept() -> None:
    plain = saved(photo(), "JPEG", quality=95)
    mapped = with_segment(plain, 0xE1, GAIN_MAP) + saved(photo().resize((64, 48)).convert("L"), "JPEG")
    for source in (plain + CLIP, mapped + CLIP):
        assert b"+27.5916" not in pixlean.compress(source, quality=60).data
        assert CLIP in pixlean.compress(source, quality=60, strip_metadata=False).data
    assert b"hdrgm" in pixlean.compress(mapped + CLIP, quality=60).data


def test_a_large_preview_is_no_part_of_the_picture() -> None:
    primary, preview = saved(photo(), "JPEG", quality=95), saved(photo().resize((128, 96)), "JPEG", quality=90)

    def index(first_bytes: int, at: int) -> bytes:
        entries = b"".join(
            struct.pack(">IIIHH", kind, size, offset, 0, 0)
            for kind, size, offset in ((0x20030000, first_bytes, 0), (0x00010002, len(preview), at))
        )
        tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, 2)
        body = struct.pack(">H", 3) + tags + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
        return b"MPF\0MM\0*" + struct.pack(">I", 8) + body + entries

    whole = with_segment(primary, 0xE2, index(0, 0))
    source = with_segment(primary, 0xE2, index(len(whole), len(whole) - 8)) + preview
    outcome = pixlean.compress(source, quality=60)
    assert len(outcome.data) < 1.05 * len(pixlean.compress(primary, quality=60).data)
    assert outcome.data.count(b"\xff\xd8\xff") == 1


def test_a_jpeg_without_its_end_marker_is_whole_and_one_that_is_cut_off_is_not() -> None:
    source = saved(photo(), "JPEG", quality=90)
    outcome = pixlean.compress(source[:-2], quality=60)
    assert off_by(outcome.data, photo()) < 6 and outcome.data.endswith(b"\xff\xd9")
    with pytest.raises(pixlean.PixleanError):
        pixlean.compress(source[: len(source) * 2 // 3], quality=60)


@pytest.mark.parametrize(
    "options", [{"quality": 60}, {"quality": 100}, {"edits": Edits(resize=Resize(width_px=100))}, WAYS["png"]]
)
def test_a_density_is_neither_lost_nor_invented(options: dict[str, Any]) -> None:
    said = opened(pixlean.compress(saved(photo(), "JPEG", quality=95, dpi=(300, 300)), **options).data).info["dpi"]
    assert said == pytest.approx((300, 300), abs=0.1)
    silent = opened(pixlean.compress(saved(photo(), "PNG"), outputs=(Format.PNG,), min_score=80.0).data)
    assert "dpi" not in silent.info


@pytest.mark.parametrize("sides", [(256, 192), (201, 151)])
def test_a_heic_with_alpha_or_of_an_odd_size_is_encoded_again(sides: tuple[int, int]) -> None:
    import pillow_heif

    image = photo().resize(sides).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(sides))
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90)
    outcome = pixlean.compress(out.getvalue(), quality=40)
    info = pixlean.probe(outcome.data)
    assert len(outcome.data) < 0.6 * len(out.getvalue())
    assert info.has_alpha and info.displayed_px == sides


def test_a_resize_that_changes_nothing_leaves_the_picture_as_it_was() -> None:
    for kind, quality in (("JPEG", 35), ("WEBP", 20)):
        source = saved(photo(), kind, quality=quality)
        outcome = pixlean.compress(source, edits=Edits(resize=Resize(width_px=5000)))
        assert len(outcome.data) <= len(source)
    slightly = pixlean.compress(saved(photo(), "JPEG", quality=35), edits=Edits(resize=Resize(width_px=250)))
    assert len(slightly.data) <= 1.1 * len(saved(photo(), "JPEG", quality=35))


@pytest.mark.parametrize(("ground", "ink", "least"), [(60, 255, 35), (90, 255, 65), (200, 60, 30)])
def test_resizing_draws_no_black_outlines(ground: int, ink: int, least: int) -> None:
    image = Image.new("L", (500, 300), ground)
    ImageDraw.Draw(image).rectangle((100, 75, 400, 225), fill=ink)
    outcome = pixlean.compress(
        saved(image.convert("RGB"), "PNG"), quality=100, edits=Edits(resize=Resize(width_px=167, fit=Fit.INSIDE))
    )
    assert int(np.asarray(opened(outcome.data).convert("L")).min()) >= least


def flat_frames() -> list[Image.Image]:
    frames = []
    for number in range(10):
        image = Image.new("RGB", (320, 180), (245, 245, 245))
        ImageDraw.Draw(image).ellipse((20 + number * 6, 50, 80 + number * 6, 110), fill=(220, 80, 40))
        frames.append(image.quantize(32, dither=Image.Dither.NONE))
    return frames


def test_drawings_become_lossless_webps_where_that_is_smaller() -> None:
    frames = flat_frames()
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    for source in (saved(frames[0], "PNG"), moving):
        outcome = pixlean.compress(source, outputs=(Format.WEBP,), quality=80)
        assert len(outcome.data) < 0.7 * len(source)
        assert pixlean.score(source, outcome.data) == 100


def test_a_resized_gif_keeps_its_palettes_and_grows_no_larger() -> None:
    from pixlean.codecs import gif

    if gif.find_tool("gifsicle") is None:
        pytest.skip("gifsicle is not installed on this machine")
    frames = flat_frames()
    source = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    outcome = pixlean.compress(source, edits=Edits(resize=Resize(width_px=240)))
    info = pixlean.probe(outcome.data)
    assert len(outcome.data) <= len(source) and (info.frames, info.displayed_px) == (10, (240, 135))


def luma_and_chroma(*, compression: int) -> bytes:
    """A TIFF of YCbCr samples that no JPEG was made of."""
    body = np.asarray(photo().convert("YCbCr")).tobytes()
    body = zlib.compress(body) if compression == 8 else body
    width, height = photo().size
    tags = (
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 146), (259, 3, 1, compression), (262, 3, 1, 6),
        (273, 4, 1, 152), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(body)), (284, 3, 1, 1),
        (530, 3, 2, 1 | 1 << 16),
    )  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return head + struct.pack("<I", 0) + struct.pack("<HHH", 8, 8, 8) + body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("compression", [1, 8])
def test_luma_and_chroma_are_no_colours(compression: int, way: str) -> None:
    outcome = pixlean.compress(luma_and_chroma(compression=compression), **WAYS[way])
    assert off_by(outcome.data, photo()) < 9


def bmp_of_16_bits(alpha: int) -> bytes:
    """Red, with a bit for alpha."""
    masks = struct.pack("<IIII", 0x7C00, 0x03E0, 0x001F, 0x8000)
    head = struct.pack("<IiiHHIIiiII", 56, 16, 16, 1, 16, 3, 512, 2835, 2835, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 70 + 512, 0, 0, 70) + head + struct.pack("<H", 0x7C00 | alpha << 15) * 256


@pytest.mark.parametrize("alpha", [0, 1])
@pytest.mark.parametrize("options", [{}, {"quality": 40}, {"outputs": (Format.PNG,)}, {"outputs": (Format.WEBP,)}])
def test_a_single_bit_of_alpha_is_alpha(alpha: int, options: dict[str, Any]) -> None:
    source = bmp_of_16_bits(alpha)
    outcome = pixlean.compress(source, **options)
    if outcome.data == source:
        return
    red, green, blue, opacity = np.asarray(opened(outcome.data).convert("RGBA"))[8, 8].tolist()
    assert opacity == 255 * alpha and (not alpha or (red > 240 and green < 12 and blue < 12))


def test_frames_behind_the_end_of_a_gif_are_none() -> None:
    still = saved(photo().quantize(32), "GIF")
    moving = still[:-1] + b"\xfe" + still[still.index(b"\x2c") :]
    for target in (Format.AVIF, Format.WEBP, Format.PNG):
        assert pixlean.probe(pixlean.compress(moving, outputs=(target,)).data).frames == 1


def test_sides_that_avif_does_not_hold_are_refused_with_both_numbers() -> None:
    with pytest.raises(LimitExceeded) as said:
        pixlean.compress(saved(Image.new("RGB", (16_400, 8)), "PNG"), outputs=(Format.AVIF,))
    assert said.value.facts["limit"] == 16_384 and said.value.facts["value"] == 16_400


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint32, np.float32])
@pytest.mark.parametrize("options", [{"quality": 50}, {"quality": 65}, {"quality": 90}, {"outputs": (Format.WEBP,)}])
def test_samples_of_any_kind_end_in_a_picture(kind: Any, options: dict[str, Any]) -> None:
    grey = (np.asarray(photo()).astype(float) - 128).astype(kind)
    for pixels in (grey, grey[..., 0]):
        source = tiff(np.ascontiguousarray(pixels), photometric="rgb" if pixels.ndim == 3 else "minisblack")
        assert pixlean.probe(pixlean.compress(source, **options).data).displayed_px == photo().size


@pytest.mark.parametrize("compression", [1, 8])
def test_luma_and_chroma_are_not_encoded_as_colours(compression: int) -> None:
    assert off_by(pixlean.compress(luma_and_chroma(compression=compression), quality=40).data, photo()) < 9


def test_the_first_of_two_equal_tags_counts() -> None:
    source = bytearray(saved(photo(), "TIFF"))
    at = int.from_bytes(source[4:8], "little")
    count = int.from_bytes(source[at : at + 2], "little")
    last = at + 2 + 12 * (count - 1)
    struct.pack_into("<HHII", source, last, 262, 3, 1, 1)  # RGB was said before, this says grey
    for options in ({"quality": 40}, {"quality": 90}, {"outputs": (Format.PNG,)}):
        assert off_by(pixlean.compress(bytes(source), **options).data, photo()) < 9


def with_tag(source: bytes, number: int, value: int) -> bytes:
    """A little-endian TIFF with another value in one of its tags of one 16 or 32 bit number."""
    made = bytearray(source)
    at = int.from_bytes(source[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(source[at : at + 2], "little"), 12):
        if int.from_bytes(source[entry : entry + 2], "little") == number:
            struct.pack_into("<I", made, entry + 8, value)
    return bytes(made)


@pytest.mark.parametrize("options", [{"quality": 60}, {"quality": 90}, {"outputs": (Format.PNG,)}])
def test_a_strip_is_as_long_as_its_rows_whatever_its_tag_says(options: dict[str, Any]) -> None:
    assert off_by(pixlean.compress(with_tag(saved(photo(), "TIFF"), 279, 1000), **options).data, photo()) < 9


@pytest.mark.parametrize(
    "broken",
    [
        with_tag(saved(photo().convert("1"), "TIFF"), 262, 3),  # a palette that is not there
        saved(photo(), "TIFF")[:-1000],
        with_tag(tiff(np.asarray(photo().convert("L")), tile=(16, 16)), 322, 0),
        webp(80, 60, frame(0, 0, photo().resize((80, 60))), frame(0, 0, photo().resize((80, 60))).replace(b"VP8 ", b"XP8 ")),
    ],
    ids=["no palette", "cut short", "tiles of no width", "a frame that is none"],
)  # fmt: skip
@pytest.mark.parametrize("options", [{"quality": 60}, {"outputs": (Format.PNG,)}])
def test_what_contradicts_itself_is_refused_as_broken(broken: bytes, options: dict[str, Any]) -> None:
    with pytest.raises(BadImage):
        pixlean.compress(broken, **options)


def test_an_animation_whose_small_frames_are_all_alike_becomes_a_still() -> None:
    frames = [Image.new("RGBA", (1000, 40)) for _ in range(2)]
    for number, image in enumerate(frames):
        image.paste((0, 0, 255, 255), (0, 0, 500, 40))
        image.putpixel((100, 20), (0, 0, 255 - 40 * number, 255))
    source = saved(frames[0], "GIF", save_all=True, append_images=[frames[1]], duration=100, disposal=2)
    assert opened(source).n_frames == 2
    made = pixlean.compress(source, outputs=(Format.WEBP,), edits=Edits(resize=Resize(width_px=20)), quality=70)
    assert opened(made.data).size == (20, 1)


@pytest.mark.parametrize("tag", [(284, 284, 2), (262, 65_000, 0)], ids=["a plane of its own", "no photometric"])
@pytest.mark.parametrize("options", [{"quality": 60}, {"quality": 90}, {"outputs": (Format.PNG,)}])
def test_a_fax_is_black_on_white(tag: tuple[int, int, int], options: dict[str, Any]) -> None:
    drawing = photo().convert("1")
    source = bytearray(saved(ImageOps.invert(drawing) if tag[0] == 262 else drawing, "TIFF", compression="group4"))
    at = int.from_bytes(source[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(source[at : at + 2], "little"), 12):
        if int.from_bytes(source[entry : entry + 2], "little") == tag[0]:
            struct.pack_into("<HHII", source, entry, tag[1], 3, 1, tag[2])
    assert off_by(pixlean.compress(bytes(source), **options).data, drawing) < 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{"quality": 60}, {"quality": 90}, {"outputs": (Format.PNG,)}])
def test_whole_bytes_without_the_palette_that_is_named_are_what_they_look_like(
    mode: str, options: dict[str, Any]
) -> None:
    source = with_tag(saved(photo().convert(mode), "TIFF"), 262, 3)
    assert off_by(pixlean.compress(source, **options).data, photo().convert(mode)) < 9

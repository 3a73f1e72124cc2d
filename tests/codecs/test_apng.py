"""APNG: frames as browsers show them, and one palette for all of them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import graphic, photo
from pixlean.codecs.png import CODEC
from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import to_rgba8
from pixlean.imaging.pngfile import SIGNATURE, chunk, chunks_of

NONE, CLEAR, BACK = 0, 1, 2
SOURCE, OVER = 0, 1
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SEEN_THROUGH = (0, 0, 0, 0)


def deflated(pixels: np.ndarray) -> bytes:
    rows = pixels.reshape(pixels.shape[0], -1)
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))


def control(number: int, sides: tuple[int, int], place: tuple[int, int], dispose: int, blend: int) -> bytes:
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *sides, *place, 7, 60, dispose, blend))


def apng(
    *frames: tuple[np.ndarray, tuple[int, int], int, int], colour: int, depth: int = 8, more: bytes = b""
) -> bytes:
    """Of (pixels, (left, top), dispose, blend)."""
    rows, columns = frames[0][0].shape[:2]
    out = [SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0))]
    out += [chunk(b"acTL", struct.pack(">II", len(frames), 3)), more]
    number = 0
    for at, (pixels, place, dispose, blend) in enumerate(frames):
        out.append(control(number, pixels.shape[1::-1], place, dispose, blend))
        number += 1
        if at == 0:
            out.append(chunk(b"IDAT", deflated(pixels)))
        else:
            out.append(chunk(b"fdAT", struct.pack(">I", number) + deflated(pixels)))
            number += 1
    return b"".join([*out, chunk(b"IEND", b"")])


def plain(colour: tuple[int, ...], side: int = 8, dtype: type = np.uint8) -> np.ndarray:
    return np.full((side, side, len(colour)), colour, dtype)


def corners(data: bytes) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Of each frame the pixels at the upper left and the lower right, RGBA."""
    return [
        (tuple(map(int, frame[0, 0])), tuple(map(int, frame[-1, -1]))) for frame in map(to_rgba8, CODEC.frames(data))
    ]


# What Chromium 156's ImageDecoder shows of the same kinds of files.
def test_a_transparent_colour_is_transparent_in_every_frame() -> None:
    key = chunk(b"tRNS", struct.pack(">HHH", *GREEN))
    holed = plain(GREEN, 4)
    data = apng(
        (plain(RED), (0, 0), NONE, SOURCE), (holed, (0, 0), NONE, SOURCE), (holed, (4, 4), NONE, OVER), colour=2, more=key
    )  # fmt: skip
    red = (*RED, 255)
    assert [(corner[0][3], corner[1]) for corner in corners(data)] == [(255, red), (0, red), (0, red)]
    back = pixlean.compress(data, format="webp").data
    shown = Image.open(io.BytesIO(back))
    shown.seek(1)
    assert np.asarray(shown.convert("RGBA"))[1, 1, 3] == 0 and pixlean.probe(data).has_alpha


@pytest.mark.parametrize(("dispose", "seen"), [(NONE, (*BLUE, 255)), (CLEAR, SEEN_THROUGH), (BACK, (*RED, 255))])
def test_what_becomes_of_a_frame_is_as_the_file_says(dispose: int, seen: tuple[int, ...]) -> None:
    first, part, last = plain((*RED, 255)), plain((*BLUE, 255), 4), plain((*GREEN, 255), 2)
    data = apng((first, (0, 0), NONE, SOURCE), (part, (4, 4), dispose, SOURCE), (last, (0, 0), NONE, OVER), colour=6)
    red, blue, green = (*RED, 255), (*BLUE, 255), (*GREEN, 255)
    assert corners(data) == [(red, red), (red, blue), (green, seen)]


def test_a_first_frame_that_goes_back_leaves_nothing() -> None:
    data = apng((plain(RED), (0, 0), BACK, SOURCE), (plain(BLUE, 4), (0, 0), NONE, SOURCE), colour=2)
    assert corners(data) == [((*RED, 255), (*RED, 255)), ((*BLUE, 255), SEEN_THROUGH)]
    assert pixlean.probe(data).has_alpha


def test_frames_of_sixteen_bits_and_of_one_are_read() -> None:
    deep = [plain(colour, dtype=np.dtype(">u2")) for colour in ((65535, 0, 0), (0, 0, 65535))]
    data = apng(*((pixels, (0, 0), NONE, SOURCE) for pixels in deep), colour=2, depth=16)
    assert corners(data) == [((*RED, 255),) * 2, ((*BLUE, 255),) * 2]
    bits = [np.full((8, 1), value, np.uint8) for value in (0x00, 0xFF)]
    palette = chunk(b"PLTE", bytes((*RED, *BLUE))) + chunk(b"tRNS", b"\xff\x00")
    rows = [
        (SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 1, 3, 0, 0, 0)), chunk(b"acTL", struct.pack(">II", 2, 0))),
        (palette, control(0, (8, 8), (0, 0), NONE, SOURCE), chunk(b"IDAT", deflated(bits[0]))),
        (control(1, (8, 8), (0, 0), NONE, SOURCE), chunk(b"fdAT", b"\0\0\0\2" + deflated(bits[1])), chunk(b"IEND", b"")),
    ]  # fmt: skip
    seen = corners(b"".join(part for row in rows for part in row))
    assert seen[0] == ((*RED, 255),) * 2 and seen[1][0][3] == 0


@pytest.mark.parametrize("number", [0, 1, 3])
def test_frames_that_are_not_in_order_are_refused(number: int) -> None:
    data = apng((plain(RED), (0, 0), NONE, SOURCE), (plain(BLUE), (0, 0), NONE, SOURCE), colour=2)
    at = data.index(b"fdAT")
    size = struct.unpack(">I", data[at - 4 : at])[0]
    moved = chunk(b"fdAT", struct.pack(">I", number) + data[at + 8 : at + 4 + size])
    with pytest.raises(BadImage, match="order"):
        list(CODEC.frames(data[: at - 4] + moved + data[at + 8 + size :]))


def film(noise: float, count: int = 8) -> list[np.ndarray]:
    """A photograph that stands still but for noise, with a square that moves over it."""
    random = np.random.default_rng(7)
    ground = np.asarray(photo().resize((160, 120)))
    frames = []
    for number in range(count):
        frame = ground.copy()
        frame[40:70, 10 * number : 10 * number + 30] = (200, 30, 40)
        frames.append((frame + random.normal(0, noise, frame.shape)).clip(0, 255).astype(np.uint8))
    return frames


def as_apng(frames: list[np.ndarray]) -> bytes:
    return apng(*((frame, (0, 0), NONE, SOURCE) for frame in frames), colour=6 if frames[0].shape[2] == 4 else 2)


def controls(data: bytes) -> list[tuple[int, ...]]:
    return [struct.unpack(">IIIIIHHBB", body) for kind, body in chunks_of(data, Limits()) if kind == b"fcTL"]


@pytest.mark.parametrize("quality", [40, 60])
def test_an_animation_in_one_palette_is_small_and_every_frame_looks_right(quality: int) -> None:
    frames = film(noise=0)
    data = as_apng(frames)
    outcome = pixlean.compress(data, quality=quality)
    assert outcome.method == "libimagequant + apng" and len(outcome.data) < 0.25 * len(data)
    assert len(outcome.data) < 0.6 * len(pixlean.compress(data, quality=100).data)
    # Pillow reads it as well as we do.
    again = Image.open(io.BytesIO(outcome.data))
    assert again.n_frames == len(frames) and pixlean.probe(outcome.data).plays == 3
    for number, (before, after) in enumerate(zip(frames, CODEC.frames(outcome.data), strict=True)):
        again.seek(number)
        assert (np.asarray(again.convert("RGBA")) == to_rgba8(after)).all()
        assert Judge((before,)).score((after,)) > 60
    assert {each[5:7] for each in controls(outcome.data)} == {(7, 60)}


@pytest.mark.parametrize("asked", [{"quality": 70}, {"quality": 40, "png_lossy": False}])
def test_no_pixel_changes_where_none_may(asked: dict[str, object]) -> None:
    frames = film(noise=0, count=3)
    outcome = pixlean.compress(as_apng(frames), **asked)  # type: ignore[arg-type]
    assert outcome.method == "oxipng"
    assert all((before == after).all() for before, after in zip(frames, CODEC.frames(outcome.data), strict=True))


def test_only_what_changes_is_drawn_again() -> None:
    drawn = controls(pixlean.compress(as_apng(film(noise=0)), quality=60).data)
    assert drawn[0][1:3] == (160, 120)
    assert all(wide <= 40 and high == 30 for _, wide, high, *_ in drawn[1:])


def test_noise_that_nobody_sees_is_not_drawn_again() -> None:
    still, noisy = (pixlean.compress(as_apng(film(noise=noise)), quality=40).data for noise in (0.0, 1.5))
    assert len(noisy) < 3 * len(still)


def test_alpha_that_changes_comes_out_as_it_is() -> None:
    frames = []
    for number in range(6):
        frame = np.dstack([np.asarray(graphic().resize((96, 64))), np.full((64, 96), 255, np.uint8)])
        frame[8 * number : 8 * number + 20, :40, 3] = 40 * number
        frames.append(frame)
    outcome = pixlean.compress(as_apng(frames), quality=40)
    assert outcome.method == "libimagequant + apng"
    for before, after in zip(frames, CODEC.frames(outcome.data), strict=True):
        assert np.abs(before[..., 3].astype(int) - to_rgba8(after)[..., 3]).max() < 12


def renumbered(data: bytes) -> bytes:
    """With the sequence numbers of frames in order."""
    out, number = [SIGNATURE], 0
    for kind, body in chunks_of(data, Limits()):
        if kind in (b"fcTL", b"fdAT"):
            body = struct.pack(">I", number) + body[4:]
            number += 1
        out.append(chunk(kind, body))
    return b"".join(out)


def test_a_still_that_stands_before_the_animation_stays() -> None:
    data = as_apng(film(noise=0, count=3))
    first = data.index(b"fcTL") - 4
    hidden = chunk(b"IDAT", deflated(np.zeros((120, 160, 3), np.uint8)))
    # The first frame's pixels move into an fdAT, and what is IDAT is no frame of the animation any more.
    idat = data.index(b"IDAT") - 4
    size = struct.unpack(">I", data[idat : idat + 4])[0]
    body = data[idat + 8 : idat + 8 + size]
    moved = chunk(b"fdAT", b"\0\0\0\1" + body)
    data = renumbered(data[:first] + hidden + data[first:idat] + moved + data[idat + 12 + size :])
    outcome = pixlean.compress(data, quality=40)
    assert outcome.method != "libimagequant + apng" and pixlean.probe(outcome.data).frames == 3


def test_a_palette_animation_of_our_own_is_not_chosen_again() -> None:
    once = pixlean.compress(as_apng(film(noise=0)), quality=40)
    assert pixlean.compress(once.data, quality=40).method != "libimagequant + apng"


@pytest.mark.parametrize("duration_ms", [40, 65_530, 90_040, 655_350])
def test_a_frame_that_stands_for_minutes_is_converted(duration_ms: int) -> None:
    frames = [Image.fromarray(frame) for frame in film(noise=0, count=2)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=[duration_ms, 100], lossless=True)
    made = pixlean.compress(out.getvalue(), format="png", quality=60)
    assert pixlean.probe(made.data).mode == "P" and pixlean.probe(made.data).durations_ms == (duration_ms, 100)


def test_an_animation_is_forecast_by_its_first_frames() -> None:
    data = as_apng(film(noise=0, count=20))
    made = len(pixlean.compress(data, quality=40).data)
    assert pixlean.estimate(data, quality=40).optimized_bytes == pytest.approx(made, rel=0.3)


def test_where_no_palette_does_the_pixels_stay() -> None:
    random = np.random.default_rng(3)
    frames = [random.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(3)]
    outcome = pixlean.compress(as_apng(frames), quality=60)
    assert all((before == after).all() for before, after in zip(frames, CODEC.frames(outcome.data), strict=True))

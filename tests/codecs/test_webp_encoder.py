"""What libwebp's own interface brings: smaller files at the same look, and a way without it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data as samples

import pixlean
from pictures import photo, saved
from pixlean.codecs import webp
from pixlean.imaging import libwebp
from pixlean.imaging.perception import score_frames
from pixlean.imaging.vips import vips
from pixlean.imaging.webpalpha import packed


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_photographs_are_smaller_than_by_the_usual_interface_at_the_same_score(name: str) -> None:
    picture = Image.fromarray(getattr(samples, name)())
    usual, ours = [], []
    for quality in (60, 70, 80):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4)
        usual.append((_score(picture, out.getvalue()), np.log(len(out.getvalue()))))
        shorter = pixlean.compress(saved(picture, "PNG"), format="webp", quality=quality).data
        ours.append((_score(picture, shorter), np.log(len(shorter))))
    score = (usual[1][0] + ours[1][0]) / 2
    gain = np.interp(score, *zip(*usual, strict=True)) - np.interp(score, *zip(*ours, strict=True))
    assert gain > 0.04


def _chart() -> Image.Image:
    """Coloured lines two pixels wide on white, most of it flat."""
    image = Image.new("RGB", (800, 600), "white")
    pen = ImageDraw.Draw(image)
    for number, colour in enumerate(("#e45756", "#4c78a8", "#54a24b", "#b279a2", "#eeca3b")):
        heights = [150 + 100 * np.sin(across / 23 + number) for across in range(0, 400, 8)]
        pen.line([(8 * at, high) for at, high in enumerate(heights)], fill=colour, width=2)
    return image


def test_charts_keep_the_edges_of_their_colours_at_the_bytes_of_blurred_ones() -> None:
    """Halved colours bleed around thin lines; how much is judged by the lines, not by the paper around them."""
    chart = _chart()
    pixels = np.asarray(chart)
    blurred = libwebp.encode(pixels, quality=88, effort=libwebp.Effort(method=6, sharp_chroma=False))
    sharper = webp._lossy(pixels, 80, effort=6)
    assert len(sharper) < len(blurred)
    assert _score(chart, sharper) > _score(chart, blurred) + 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_without_the_library_libvips_writes(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo().convert(mode)
    sizes = [len(pixlean.compress(saved(picture, "PNG"), format="webp", quality=60).data)]
    monkeypatch.setattr(libwebp, "available", lambda: False)
    outcome = pixlean.compress(saved(picture, "PNG"), format="webp", quality=60)
    assert Image.open(io.BytesIO(outcome.data)).size == picture.size
    assert 0.8 < sizes[0] / len(outcome.data) < 1.1


def _ramp(rows: int, columns: int) -> np.ndarray:
    return np.add.outer(np.arange(rows), np.arange(columns)) % 256


def _dots(rows: int, columns: int) -> np.ndarray:
    return np.where(np.add.outer(np.arange(rows) // 7, np.arange(columns) // 5) % 3, 255, 0)


@pytest.mark.parametrize("alpha_of", [_ramp, _dots, lambda rows, columns: np.full((rows, columns), 77)])
@pytest.mark.parametrize("size", [(96, 64), (1, 1), (1, 40), (33, 1)])
def test_alpha_beside_lossy_colours_stays_to_the_last_bit(
    alpha_of: Callable[[int, int], np.ndarray], size: tuple[int, int]
) -> None:
    """The alpha is packed apart; libvips brings a libwebp of its own to read it by."""
    alpha = alpha_of(size[1], size[0]).astype(np.uint8)
    picture = photo().resize(size)
    picture.putalpha(Image.fromarray(alpha))
    outcome = pixlean.compress(saved(picture, "PNG"), format="webp", quality=60)
    shown = vips().Image.webpload_buffer(outcome.data).numpy()
    assert outcome.method == "webp q60" and np.array_equal(shown[..., 3], alpha)


def test_soft_alpha_is_packed_by_its_gradient() -> None:
    away = np.hypot(*np.mgrid[-64:64, -64:64])
    soft = (255 / (1 + np.exp((away - 50) / 6))).astype(np.uint8)
    hard = _dots(128, 128).astype(np.uint8)
    assert packed(soft)[0] == 0b1101 and packed(hard)[0] == 0b1


def test_animations_take_whole_frames_where_those_are_smaller() -> None:
    """Drawings that move: a frame without loss is a few bytes, with loss it is many."""
    frames = [Image.new("RGB", (160, 120), "white") for _ in range(12)]
    for number, frame in enumerate(frames):
        frame.paste("navy", (10 * number, 20, 10 * number + 40, 90))
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    outcome = pixlean.compress(out.getvalue(), format="webp", quality=75)
    shown = webp.CODEC.decode(outcome.data).frames
    assert len(shown) == 12 and len(outcome.data) < 1600
    assert all(np.abs(shown[at][..., :3].astype(int) - np.asarray(frame)).mean() < 1 for at, frame in enumerate(frames))


def _score(picture: Image.Image, data: bytes) -> float:
    return score_frames(np.asarray(picture), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))

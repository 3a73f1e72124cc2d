"""Our own quantisation of JPEGs: valid for every decoder, smaller at the same look, and built from the source beside it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import pyvips
from PIL import Image
from skimage import data as samples

import pixlean
from pictures import photo, saved
from pixlean.imaging import jpegli, jpegpixels, jpegtrellis, sharpyuv
from pixlean.imaging.ssimulacra2 import compare, prepare


def shown(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("sides", [(1, 1), (7, 9), (16, 16), (17, 33), (250, 8), (3, 500)])
@pytest.mark.parametrize("subsampling", ["420", "444"])
@pytest.mark.parametrize("sharp", [True, False])
def test_pictures_of_any_size_come_back_in_two_decoders(sides: tuple[int, int], subsampling: str, sharp: bool) -> None:
    pixels = np.asarray(photo().resize(sides))
    for progressive in (True, False):
        encoded = jpegtrellis.encode(
            pixels, distance=0.5, subsampling=subsampling, sharp=sharp, progressive=progressive
        )
        assert pixlean.probe(encoded).progressive is progressive
        by_pillow = shown(encoded)
        by_vips = pyvips.Image.new_from_buffer(encoded, "", fail_on="warning").numpy()
        assert by_pillow.shape == by_vips.shape == pixels.shape
        assert np.abs(by_pillow.astype(int) - by_vips).mean() < 1.5
        assert np.abs(by_pillow.astype(int) - pixels).mean() < 10
        grey = np.asarray(photo().convert("L").resize(sides))
        back = shown(jpegtrellis.encode(grey, distance=0.5, subsampling="420", sharp=sharp, progressive=progressive))
        assert back.shape == grey.shape and np.abs(back.astype(int) - grey).mean() < 4


@pytest.mark.parametrize("distance", [0.01, 0.3, 3.0, 25.0])
def test_the_worst_pictures_are_valid_at_every_strength(distance: float) -> None:
    noise = np.random.default_rng(5).integers(0, 2, (96, 80, 3), dtype=np.uint8) * 255
    checks = np.kron(np.indices((12, 10)).sum(0) % 2, np.ones((8, 8)))[..., None].astype(np.uint8) * np.uint8(
        [255, 0, 255]
    )
    for pixels in (noise, checks, np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)):
        encoded = jpegtrellis.encode(
            np.ascontiguousarray(pixels), distance=distance, subsampling="444", sharp=False, progressive=True
        )
        by_vips = pyvips.Image.new_from_buffer(encoded, "", fail_on="warning").numpy()
        assert np.abs(by_vips.astype(int) - shown(encoded)).mean() < 2
        if distance < 0.1:
            assert np.abs(by_vips.astype(int) - pixels).mean() < 3


@pytest.mark.parametrize("quality", [60, 75, 85])
def test_it_is_smaller_than_jpegli_at_the_same_look(quality: int) -> None:
    for picture in (samples.astronaut(), samples.coffee(), samples.chelsea()):
        reference = prepare(picture)
        sizes, scores = [], []
        for encoder in (jpegpixels.TRELLIS, jpegpixels.JPEGLI):
            chroma = jpegpixels.chroma_for(picture, quality, encoder, halved=True)
            encoded = jpegpixels.encode(picture, quality, encoder, progressive=True, chroma=chroma)
            sizes.append(len(encoded))
            scores.append(compare(reference, shown(encoded)))
        # One point of the score is worth 4 to 5 % of the bytes.
        assert sizes[0] * np.exp(0.045 * (scores[1] - scores[0])) < sizes[1]


def test_sharp_chroma_keeps_the_colour_of_lines() -> None:
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::4] = (255, 30, 30)
    luma, *_ = sharpyuv.sharp_planes(lines)
    assert sharpyuv.available() and luma.shape == (64, 64)
    errors = [
        np.abs(
            shown(
                jpegtrellis.encode(lines, distance=0.5, subsampling="420", sharp=sharp, progressive=False)
            ).astype(int) - lines
        ).mean()
        for sharp in (True, False)
    ]  # fmt: skip
    assert errors[0] < 0.9 * errors[1]


def test_where_there_is_no_library_jpegli_encodes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpegtrellis, "available", lambda: False)
    assert pixlean.compress(saved(photo(), "JPEG", quality=95), quality=60).method == "jpegli"


def test_little_effort_and_the_best_quality_leave_it_out() -> None:
    data = saved(photo(), "JPEG", quality=100)
    assert pixlean.compress(data, quality=60, effort=1).method == "jpegli"
    assert pixlean.compress(data, quality=99).method in ("jpegli", "jpegli-transcode")


def test_the_tables_are_those_that_jpegli_writes() -> None:
    encoded = jpegli.encode(np.asarray(photo()), distance=2.0)
    written = Image.open(io.BytesIO(encoded)).quantization
    tables = jpegli.tables(2.0, "420")
    assert sorted(written[0]) == sorted(tables[0].tolist()) and len(tables) == 3

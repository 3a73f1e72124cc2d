"""The C libraries of our own: built from what lies beside them, and the same sums as NumPy's and OpenCV's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from pictures import photo
from pixlean.imaging import chroma, jpegtrellis, ownlib, palettemap, regions, resample, ssimsums, ssimulacra2
from pixlean.imaging.ssimsums import LibrarySums, NumpySums

NATIVE = Path(ownlib.__file__).parent / "native"
NAMES = sorted(source.stem for source in NATIVE.glob("*.c"))


@pytest.mark.parametrize("name", NAMES)
def test_each_library_was_built_from_the_source_beside_it(name: str) -> None:
    digest = hashlib.sha256(b"".join((NATIVE / part).read_bytes() for part in ("own.h", f"{name}.c"))).hexdigest()
    assert ownlib.source_digest(name) == digest, "run: make native"
    for machine in ("x86_64", "aarch64"):
        assert digest.encode() in (NATIVE / f"{name}-{machine}.so").read_bytes(), machine


def test_all_of_them_work_here() -> None:
    assert {"chroma", "jpegtrellis", "palettemap", "perception", "resample"} == set(NAMES)
    assert jpegtrellis.available() and palettemap.available() and resample.available()


def noisy(rows: int, columns: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    picture = np.asarray(photo().resize((columns, rows)))
    noise = np.random.default_rng(seed).integers(-12, 13, picture.shape)
    return picture, (picture + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("sides", [(8, 8), (9, 31), (64, 64), (65, 130), (8, 300), (301, 11)])
def test_scores_are_the_same_by_numpy(sides: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    picture, worse = noisy(*sides)
    scores = []
    for sums in (LibrarySums(), NumpySums()):
        monkeypatch.setattr(ssimulacra2, "sums", lambda sums=sums: sums)
        scores.append(ssimulacra2.compare(ssimulacra2.prepare(picture), worse))
    assert scores[0] == pytest.approx(scores[1], abs=0.02) and scores[0] < 96


def test_each_sum_is_the_same_by_numpy() -> None:
    library, plain = LibrarySums(), NumpySums()
    picture, worse = noisy(45, 67)
    light = library.light(picture, ssimulacra2._light_table())
    assert (light == plain.light(picture, ssimulacra2._light_table())).all()
    assert np.allclose(library.halved(light), plain.halved(light), atol=1e-6)
    xyb = library.xyb(light)
    assert np.allclose(xyb, plain.xyb(light), atol=1e-5)
    mean, variance = library.neighbourhoods(xyb)
    for made, wanted in zip((mean, variance), plain.neighbourhoods(xyb), strict=True):
        assert np.allclose(made, wanted, atol=1e-5)
    other = library.xyb(library.light(worse, ssimulacra2._light_table()))
    made = library.differences(xyb, mean, variance, other)
    assert made.shape == (3, 3, 2) and np.allclose(made, plain.differences(xyb, mean, variance, other), rtol=2e-3)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("sides", [(1, 1), (2, 5), (40, 33), (256, 100)])
def test_means_of_regions_are_the_same_by_numpy(sides: tuple[int, int], channels: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*sides, channels), dtype=np.uint8)
    assert np.allclose(regions.region_means(pixels, 7, 3), regions.by_numpy(pixels, 7, 3), atol=0.01)


def test_regions_have_the_means_of_their_pixels_however_they_are_stored() -> None:
    half = np.zeros((10, 10, 3), np.uint8)
    half[:5] = 200
    half[:, 5:, 0] = 100
    expected = [[[200, 200, 200], [100, 200, 200]], [[0, 0, 0], [100, 0, 0]]]
    assert np.allclose(regions.region_means(half, 2, 2), expected)
    assert np.allclose(regions.region_means(half.astype(np.uint16) * 257, 2, 2), expected)
    assert np.allclose(regions.region_means(half.astype(np.float32), 2, 2), expected)
    seen = np.dstack([half, np.full((10, 10), 51, np.uint8)])
    assert np.allclose(regions.region_means(seen, 2, 2)[..., :3], np.array(expected) / 5, atol=0.01)
    # Three regions of ten rows: their edges lie within rows.
    assert regions.region_means(half[..., 1], 3, 1).ravel() == pytest.approx([200, 200 * (5 - 10 / 3) / (10 / 3), 0])


@pytest.mark.parametrize("channels", [3, 4])
def test_colour_planes_are_the_same_by_numpy_and_come_back(channels: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (33, 47, channels), dtype=np.uint8)
    planes = chroma.colour_planes(pixels)
    assert np.abs(planes.astype(int) - chroma.planes_by_numpy(pixels)).max() <= 1
    assert np.abs(chroma.colours(planes).astype(int) - chroma.colours_by_numpy(planes)).max() <= 1
    assert np.abs(chroma.colours(planes).astype(int) - pixels[..., :3]).max() <= 2


@pytest.mark.parametrize("sides", [(2, 2), (6, 40), (64, 64)])
def test_what_halving_loses_is_the_same_by_numpy(sides: tuple[int, int]) -> None:
    for pixels in (noisy(*sides)[1], np.random.default_rng(4).integers(0, 256, (*sides, 4), dtype=np.uint8)):
        assert chroma.halving_loss(pixels) == pytest.approx(chroma.loss_by_numpy(pixels), abs=0.1)


# OpenCV knows nothing of ours: what both of our codes do wrong shows here.
@pytest.mark.parametrize("sums", [LibrarySums(), NumpySums()])
@pytest.mark.parametrize("sides", [(32, 32), (33, 57)])
def test_light_halves_and_neighbourhoods_are_those_of_opencv(
    sums: LibrarySums | NumpySums, sides: tuple[int, int]
) -> None:
    picture = noisy(*sides)[1]
    table = ssimulacra2._light_table()
    light = table[picture]
    planes = sums.light(picture, table)
    padded = cv2.copyMakeBorder(light, 0, sides[0] & 1, 0, sides[1] & 1, cv2.BORDER_REPLICATE)
    half = cv2.resize(padded, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert np.allclose(np.moveaxis(sums.halved(planes), 0, 2), half, atol=1e-6)
    mean, variance = sums.neighbourhoods(planes)
    blurred, squares = (
        cv2.GaussianBlur(values, (11, 11), 1.5, borderType=cv2.BORDER_CONSTANT) for values in (light, light * light)
    )
    assert np.allclose(np.moveaxis(mean, 0, 2), blurred, atol=1e-5)
    assert np.allclose(np.moveaxis(variance, 0, 2), squares - blurred * blurred, atol=1e-5)


@pytest.mark.parametrize("grid", [(3, 4), (7, 5)])
def test_means_of_regions_are_those_of_opencv(grid: tuple[int, int]) -> None:
    pixels = noisy(61, 87)[1]
    expected = cv2.resize(pixels.astype(np.float32), grid[::-1], interpolation=cv2.INTER_AREA)
    assert np.allclose(regions.region_means(pixels, *grid), expected, atol=0.01)
    assert np.allclose(regions.by_numpy(pixels, *grid), expected, atol=0.01)


def test_colour_planes_are_those_of_opencv() -> None:
    pixels = np.random.default_rng(5).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    luma, red, blue = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    for made in (chroma.colour_planes(pixels), chroma.planes_by_numpy(pixels)):
        assert max(np.abs(a.astype(int) - b).max() for a, b in zip(made, (luma, blue, red), strict=True)) <= 1
    assert np.abs(chroma.colours(chroma.colour_planes(pixels)).astype(int) - pixels).max() <= 2


def test_where_there_is_no_library_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, worse = noisy(64, 96)
    by_library = ssimulacra2.compare(ssimulacra2.prepare(picture), worse)
    monkeypatch.setattr(ownlib.platform, "machine", lambda: "riscv64")
    for cached in (ownlib.find, ssimsums.sums):
        cached.cache_clear()
    try:
        assert isinstance(ssimsums.sums(), NumpySums)
        assert ssimulacra2.compare(ssimulacra2.prepare(picture), worse) == pytest.approx(by_library, abs=0.02)
        assert chroma.halving_loss(worse) == pytest.approx(chroma.loss_by_numpy(worse))
        assert (regions.region_means(picture, 2, 3) == regions.by_numpy(picture, 2, 3)).all()
        assert np.abs(chroma.halved(picture).astype(int) - picture).mean() < 3
    finally:
        for cached in (ownlib.find, ssimsums.sums):
            cached.cache_clear()

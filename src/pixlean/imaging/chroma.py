"""What a picture loses when its colour is stored at half the size (4:2:0)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.imaging import ownlib
from pixlean.imaging.pixels import Array, flatness
from pixlean.imaging.sampling import parts

Bytes = NDArray[np.uint8]

_DECLARATIONS = """
void pixlean_planes(const uint8_t *rgb, long pixels, int channels, uint8_t *out);
void pixlean_colours(const uint8_t *planes, long pixels, uint8_t *rgb);
long pixlean_halving_loss(const uint8_t *rgb, int rows, int columns, long stride, int channels, uint8_t *whole,
                          uint8_t *half);
"""
# Of larger pictures tiles are looked at: all of a megapixel takes 9 ms, a fifth of encoding it. On 81 pictures
# their mean was from .76 to 1.03 of the whole one (quartiles), and the decisions that hang on it changed for four.
_SAMPLE_PX, _TILE_PX = 262_144, 128
# Sharp chroma takes 40 ms a megapixel. Where halves lose more than this of the pixels that are no flat ground it saves
# WebP 5 to 30 % at equal SSIMULACRA2 (charts and screenshots most of all), below it costs 1 %: 56 pictures.
_BLEEDING_LOSS, _EVERY_ROW = 1.2, 8


def halving_loss(pixels: Array) -> float:
    """The mean loss of a 2x2 average in Cb and Cr, in levels of 255: (rows, columns, 3) or grey, uint8.

    Photographs lie below 1; from 1.5 on it shows as bleeding around coloured lines and text. Infinite for pictures
    that can't be halved, 0 for grey ones.
    """
    if pixels.ndim == 2:
        return 0.0
    if min(pixels.shape[:2]) < 2:
        return np.inf
    grid = parts(pixels, tile_px=_TILE_PX, most_px=_SAMPLE_PX) or [[pixels]]
    return float(np.mean([_loss(part) for row in grid for part in row]))


def bleeds(pixels: Array) -> bool:
    """Whether averaged colours would show at the edges that the picture (rows, columns, 3 or 4; uint8) has."""
    return halving_loss(pixels) > _BLEEDING_LOSS * (1 - flatness(pixels[::_EVERY_ROW]))


def halved(pixels: Array) -> Array:
    """The picture (rows, columns, 3), uint8, as it looks with chroma at half the size and no other loss."""
    planes = colour_planes(pixels)
    return colours(np.stack([planes[0], *(_there_and_back(plane) for plane in planes[1:])]))


def colour_planes(pixels: Array) -> Bytes:
    """Y, Cb and Cr (BT.601, full range, as JPEG has them): (3, rows, columns) of (rows, columns, 3 or 4), uint8."""
    library = _library()
    if library is None:
        return planes_by_numpy(pixels)
    ffi, functions = library
    whole, out = np.ascontiguousarray(pixels), np.empty((3, *pixels.shape[:2]), np.uint8)
    functions.pixlean_planes(_bytes(ffi, whole), out[0].size, whole.shape[2], _bytes(ffi, out))
    return out


def colours(planes: Bytes) -> Bytes:
    """The way back: (rows, columns, 3)."""
    library = _library()
    if library is None:
        return colours_by_numpy(planes)
    ffi, functions = library
    out = np.empty((*planes.shape[1:], 3), np.uint8)
    functions.pixlean_colours(_bytes(ffi, np.ascontiguousarray(planes)), planes[0].size, _bytes(ffi, out))
    return out


def _loss(pixels: Array) -> float:
    rows, columns = (size & ~1 for size in pixels.shape[:2])
    library = _library()
    if library is None:
        return loss_by_numpy(pixels[:rows, :columns])
    ffi, functions = library
    part = np.ascontiguousarray(pixels)
    whole, half = np.empty(rows * columns, np.uint8), np.empty((rows // 2 + 2) * (columns // 2 + 2), np.uint8)
    sides = rows, columns, part.strides[0], part.shape[2]
    total = functions.pixlean_halving_loss(_bytes(ffi, part), *sides, _bytes(ffi, whole), _bytes(ffi, half))
    return float(total / (2 * rows * columns))


def _library() -> tuple[Any, Any] | None:
    """Our own (``native/``); ``None`` where there is none for this machine, and NumPy takes several times longer."""
    return ownlib.find("chroma", _DECLARATIONS)


def _bytes(ffi: Any, values: Bytes) -> Any:
    return ffi.from_buffer("uint8_t[]", values)


_TO_PLANES = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_TO_COLOURS = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]], np.float32)
_MIDDLE = np.array([0, 128, 128], np.float32)


def planes_by_numpy(pixels: Array) -> Bytes:
    """What ``colour_planes`` does."""
    planes = pixels[..., :3].astype(np.float32) @ _TO_PLANES.T + _MIDDLE
    return np.ascontiguousarray(np.moveaxis((planes + 0.5).clip(0, 255).astype(np.uint8), 2, 0))


def colours_by_numpy(planes: Bytes) -> Bytes:
    """What ``colours`` does."""
    mixed = (np.moveaxis(planes, 0, 2) - _MIDDLE) @ _TO_COLOURS.T
    return np.asarray((mixed + 0.5).clip(0, 255).astype(np.uint8))


def loss_by_numpy(pixels: Array) -> float:
    """What ``halving_loss`` is of a part with even sides."""
    planes = planes_by_numpy(pixels)[1:]
    return float(np.mean([np.abs(plane.astype(np.int16) - _there_and_back(plane)) for plane in planes]))


def _there_and_back(plane: Bytes) -> Bytes:
    image = Image.fromarray(plane)
    return np.asarray(image.reduce(2).resize(image.size, Image.Resampling.BILINEAR))

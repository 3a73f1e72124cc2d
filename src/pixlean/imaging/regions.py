"""Means over a grid of regions: what a picture looks like from far away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging import ownlib
from pixlean.imaging.pixels import Array

_DECLARATIONS = """
void pixlean_regions(const uint8_t *pixels, int rows, int columns, int channels, int down, int across,
                     float *scratch, float *out);
"""
_HIGHEST = {"uint8": 255.0, "uint16": 65535.0, "float32": 255.0}

Means = NDArray[np.float32]


def region_means(frame: Array, down: int, across: int) -> Means:
    """Means (down, across, channels) from 0 to 255 of uint8, uint16 or float32; colour counts as much as it is visible.

    Regions are of equal size, their edges may lie within pixels.
    """
    if frame.dtype == np.uint8 and (library := ownlib.find("perception", _DECLARATIONS)) is not None:
        return _by_library(library, np.ascontiguousarray(np.atleast_3d(frame)), down, across)
    return by_numpy(frame, down, across)


def _by_library(library: tuple[Any, Any], pixels: NDArray[np.uint8], down: int, across: int) -> Means:
    ffi, functions = library
    rows, columns, channels = pixels.shape
    row, out = np.empty(columns * channels, np.float32), np.empty((down, across, channels), np.float32)
    given = ffi.from_buffer("uint8_t[]", pixels), rows, columns, channels, down, across
    functions.pixlean_regions(*given, ffi.from_buffer("float[]", row), ffi.from_buffer("float[]", out))
    return out


def by_numpy(frame: Array, down: int, across: int) -> Means:
    """The same by NumPy, of all three kinds of samples."""
    values = np.atleast_3d(frame).astype(np.float32) * np.float32(255 / _HIGHEST[frame.dtype.name])
    if values.shape[2] == 4:
        values[..., :3] *= values[..., 3:] / np.float32(255)
    return np.swapaxes(_along(np.swapaxes(_along(values, down), 0, 1), across), 0, 1)


def _along(values: Means, count: int) -> Means:
    """Means of ``count`` equal parts of the first axis: whole rows, and shares of those that lie on an edge."""
    size = len(values)
    if count > size:
        return np.repeat(values, count, axis=0).reshape(count, size, *values.shape[1:]).mean(axis=1)
    edges = np.linspace(0, size, count, endpoint=False)
    starts = edges.astype(np.intp)
    above = (edges - starts).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1)) * values[starts]
    sums = np.add.reduceat(values, starts, axis=0) - above
    sums[:-1] += above[1:]
    return sums * np.float32(count / size)

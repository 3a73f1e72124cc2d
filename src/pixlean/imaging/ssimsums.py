"""The sums of SSIMULACRA2 over pixels: by our own small library (``native/``), by NumPy where there is none.

The two agree to a thousandth of a point; NumPy takes some fifteen times longer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging import ownlib

Planes = NDArray[np.float32]
"""Three planes of a picture: (3, rows, columns)."""

_DECLARATIONS = """
void pixlean_light(const uint8_t *rgb, const float *light, long pixels, float *out);
void pixlean_halve(const float *light, int rows, int columns, float *out);
void pixlean_xyb(const float *light, long pixels, float *out);
void pixlean_prepare(const float *xyb, int rows, int columns, float *mean, float *variance, float *scratch);
void pixlean_compare(const float *xyb1, const float *mean1, const float *variance1, const float *xyb2, int rows,
                     int columns, float *scratch, double *sums);
"""
_TAPS = 11


class Sums(Protocol):
    """What is summed over pixels."""

    def light(self, rgb: NDArray[np.uint8], table: NDArray[np.float32]) -> Planes:
        """The table's entries for 8-bit pixels (rows, columns, 3)."""

    def halved(self, planes: Planes) -> Planes:
        """Means of 2 x 2; an odd last row or column counts twice."""

    def xyb(self, planes: Planes) -> Planes:
        """Linear light in the metric's opponent colours, moved to positive values."""

    def neighbourhoods(self, xyb: Planes) -> tuple[Planes, Planes]:
        """The Gaussian means around each pixel (sigma 1.5, eleven taps, nothing outside) and the variances there."""

    def differences(self, xyb: Planes, mean: Planes, variance: Planes, other: Planes) -> NDArray[np.float64]:
        """Sums over pixels (3, 3, 2): channels; structure, artefacts and lost detail; values and fourth powers."""


@lru_cache(maxsize=1)
def sums() -> Sums:
    """The library's where it loads, else NumPy's."""
    try:
        return LibrarySums()
    except (OSError, ImportError):
        return NumpySums()


class LibrarySums:
    """By ``native/perception.c``. Raises ``OSError`` where there is no library for this machine."""

    def __init__(self) -> None:
        self._ffi, self._library = ownlib.load("perception", _DECLARATIONS)

    def light(self, rgb: NDArray[np.uint8], table: NDArray[np.float32]) -> Planes:
        pixels = np.ascontiguousarray(rgb)
        out = np.empty((3, *pixels.shape[:2]), np.float32)
        self._library.pixlean_light(
            self._ffi.from_buffer("uint8_t[]", pixels), self._floats(table), out[0].size, self._floats(out)
        )
        return out

    def halved(self, planes: Planes) -> Planes:
        _, rows, columns = planes.shape
        out = np.empty((3, (rows + 1) // 2, (columns + 1) // 2), np.float32)
        self._library.pixlean_halve(self._floats(planes), rows, columns, self._floats(out))
        return out

    def xyb(self, planes: Planes) -> Planes:
        out = np.empty_like(planes)
        self._library.pixlean_xyb(self._floats(planes), planes[0].size, self._floats(out))
        return out

    def neighbourhoods(self, xyb: Planes) -> tuple[Planes, Planes]:
        mean, variance = np.empty_like(xyb), np.empty_like(xyb)
        self._library.pixlean_prepare(
            self._floats(xyb), *xyb.shape[1:], self._floats(mean), self._floats(variance), self._scratch(xyb, 2)
        )
        return mean, variance

    def differences(self, xyb: Planes, mean: Planes, variance: Planes, other: Planes) -> NDArray[np.float64]:
        out = np.empty((3, 3, 2))
        sides = [self._floats(planes) for planes in (xyb, mean, variance, other)]
        self._library.pixlean_compare(
            *sides, *xyb.shape[1:], self._scratch(xyb, 3), self._ffi.from_buffer("double[]", out)
        )
        return out

    def _floats(self, values: NDArray[np.float32]) -> Any:
        return self._ffi.from_buffer("float[]", values)

    def _scratch(self, planes: Planes, kinds: int) -> Any:
        """A ring of rows for each kind of product, and three rows more: see ``Blur`` in the C file."""
        return self._floats(np.empty((kinds * (_TAPS + 1) + 2) * (planes.shape[2] + _TAPS - 1), np.float32))


_C2 = np.float32(0.0009)
_OPSIN = np.array(
    [[0.30, 0.622, 0.078], [0.23, 0.692, 0.078], [0.24342268924547819, 0.20476744424496821, 0.5518098665095536]],
    np.float32,
)
_BIAS = np.float32(0.0037930732552754493)
_GAUSSIAN = np.exp(-((np.arange(_TAPS) - _TAPS // 2) ** 2) / 4.5)
_KERNEL = (_GAUSSIAN / _GAUSSIAN.sum()).astype(np.float32)


class NumpySums:
    """By NumPy: any machine, slowly; also what the library is tested against."""

    def light(self, rgb: NDArray[np.uint8], table: NDArray[np.float32]) -> Planes:
        return np.ascontiguousarray(np.moveaxis(table[rgb], 2, 0))

    def halved(self, planes: Planes) -> Planes:
        _, rows, columns = planes.shape
        even = np.pad(planes, ((0, 0), (0, rows & 1), (0, columns & 1)), mode="edge")
        return (even[:, ::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, ::2] + even[:, 1::2, 1::2]) / np.float32(4)

    def xyb(self, planes: Planes) -> Planes:
        cones = np.cbrt(np.maximum(np.tensordot(_OPSIN, planes, 1) + _BIAS, 0))
        mean = (cones[0] + cones[1]) / 2
        x, y, b = (cones[0] - cones[1]) * 7 + 0.42, mean - np.cbrt(_BIAS) + 0.01, cones[2] - mean + 0.55
        return np.stack([x, y, b]).astype(np.float32)

    def neighbourhoods(self, xyb: Planes) -> tuple[Planes, Planes]:
        mean = _blurred(xyb)
        return mean, _blurred(xyb * xyb) - mean * mean

    def differences(self, xyb: Planes, mean: Planes, variance: Planes, other: Planes) -> NDArray[np.float64]:
        mean2, variance2 = self.neighbourhoods(other)
        covariance = _blurred(xyb * other) - mean * mean2
        alike = (1 - (mean - mean2) ** 2) * (2 * covariance + _C2) / (variance + variance2 + _C2)
        edges = (np.abs(other - mean2) + 1) / (np.abs(xyb - mean) + 1) - 1
        maps = np.stack([1 - alike, edges, -edges], axis=1).clip(0).astype(np.float64)
        return np.stack([maps.sum(axis=(2, 3)), (maps**4).sum(axis=(2, 3))], axis=2)


def _blurred(planes: Planes) -> Planes:
    for axis in (1, 2):
        margin = [(0, 0)] * 3
        margin[axis] = (_TAPS // 2, _TAPS // 2)
        wide, size = np.pad(planes, margin), planes.shape[axis]
        planes = sum(tap * wide.take(range(at, at + size), axis) for at, tap in enumerate(_KERNEL))
    return planes

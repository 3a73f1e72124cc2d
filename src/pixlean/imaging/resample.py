"""Making pictures of 8 bits smaller: Lanczos in linear light, nowhere darker than Lanczos without it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging import ownlib

_DECLARATIONS = """
void pixlean_resample(const uint8_t *pixels, int columns, int channels, int new_rows, int new_columns,
                      const int *down_starts, const float *down_weights, int down_taps, const int *across_starts,
                      const float *across_weights, int across_taps, const float *levels, const uint8_t *encoded,
                      float *whole, float *ring, float *sum, uint8_t *out);
"""
# Lanczos with three lobes, and the finest steps of linear light that the darkest levels of sRGB need.
_LOBES, _LIGHT_STEPS = 3, 16_384
_LANES = 8
_BYTES_A_PIXEL, _MOST_BYTES = 4 * _LANES, 32 << 20

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def available() -> bool:
    """Whether there is a library for this machine."""
    return _library() is not None


def fits(old: tuple[int, int], new: tuple[int, int]) -> bool:
    """Whether there is a library, neither side (width, height) grows, and the rows at hand stay few.

    A row of the result is a sum of many: one of a tall picture made flat needs nearly all of it at once, as floats.
    """
    if not available() or new[0] > old[0] or new[1] > old[1]:
        return False
    return _BYTES_A_PIXEL * new[0] * _count(old[1], new[1]) <= _MOST_BYTES


def smaller(pixels: Bytes, sides: tuple[int, int]) -> Bytes:
    """Pixels (rows, columns, 1 to 4 channels: grey or sRGB, with alpha or without) at these sides (width, height).

    They must be sides that ``fits`` takes. Alpha is no premultiplied one, before and after. Raises ``OSError`` where
    there is no library for this machine.
    """
    library = _library()
    if library is None:
        raise OSError("there is no library for this machine")
    ffi, functions = library
    rows, columns, channels = pixels.shape
    down, across = _taps(rows, sides[1]), _taps(columns, sides[0])
    out = np.empty((sides[1], sides[0], channels), np.uint8)
    whole, total = np.empty(_LANES * columns, np.float32), np.empty(_LANES * sides[0], np.float32)
    ring = np.empty(_LANES * sides[0] * down.count, np.float32)
    levels, encoded = _tables()

    def floats(values: Floats) -> Any:
        return ffi.from_buffer("float[]", values)

    def numbers(taps: _Taps) -> tuple[Any, Any, int]:
        return ffi.from_buffer("int[]", taps.starts), floats(taps.weights), taps.count

    functions.pixlean_resample(
        ffi.from_buffer("uint8_t[]", np.ascontiguousarray(pixels)), columns, channels, sides[1], sides[0],
        *numbers(down), *numbers(across), floats(levels), ffi.from_buffer("uint8_t[]", encoded),
        floats(whole), floats(ring), floats(total), ffi.from_buffer("uint8_t[]", out),
    )  # fmt: skip
    return out


@dataclass(frozen=True)
class _Taps:
    """For each new sample the first old one that it is a sum of, and ``count`` weights, which sum up to one."""

    starts: NDArray[np.int32]
    weights: Floats

    @property
    def count(self) -> int:
        return self.weights.shape[1]


def _count(old: int, new: int) -> int:
    """How many old samples a new one is the sum of."""
    return min(old, 2 * math.ceil(_LOBES * old / new))


def _taps(old: int, new: int) -> _Taps:
    """What lies beyond an edge is as the edge."""
    factor = old / new
    reach = _LOBES * factor
    middles = (np.arange(new) + 0.5) * factor - 0.5
    count = _count(old, new)
    firsts = np.floor(middles).astype(int) - math.ceil(reach) + 1
    places = firsts[:, None] + np.arange(2 * math.ceil(reach))
    distance = (places - middles[:, None]) / factor
    weights = np.where(np.abs(distance) < _LOBES, np.sinc(distance) * np.sinc(distance / _LOBES), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    starts = np.clip(firsts, 0, old - count)
    inside = np.clip(places, 0, old - 1) - starts[:, None] + count * np.arange(new)[:, None]
    made = np.bincount(inside.ravel(), weights.ravel(), new * count)
    return _Taps(starts.astype(np.int32), made.astype(np.float32).reshape(new, count))


@cache
def _tables() -> tuple[Floats, Bytes]:
    """Pairs of linear light and level for each level, and the level of each step of linear light (IEC 61966-2-1)."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    light = np.arange(_LIGHT_STEPS) / (_LIGHT_STEPS - 1)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.stack([linear, level], axis=-1).astype(np.float32).ravel(), np.rint(255 * shown).astype(np.uint8)


def _library() -> tuple[Any, Any] | None:
    return ownlib.find("resample", _DECLARATIONS)

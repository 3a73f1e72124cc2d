"""Pixels mapped to a palette so that deflate finds repetitions: our own small library (``native/``) does the sums.

At equal SSIMULACRA2 photographs become a fifth smaller than with the nearest entries and dithering; flat drawings gain
nothing, since what repeats in them repeats anyway. Where there is no library for this machine, ``available`` says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging import ownlib

_DECLARATIONS = """
typedef struct {
  const uint8_t *pixels; const float *tolerance; const float *palette; float *nearest, *errors; int32_t *heads, *links;
  float weights[4]; float dither; int wide, high, size, shortest;
} Mapping;
void pixlean_map(const Mapping *, uint8_t *out);
"""
_BUCKETS, _WINDOW = 65_536, 32_768
_KINDS = {"uint8": "uint8_t[]", "float32": "float[]", "int32": "int32_t[]"}
# What a level of red, green, blue and alpha counts: libimagequant's weights, but for alpha: what is
# opaque must not shine through.
WEIGHTS = (0.5, 1.0, 0.45, 4.0)


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any]:
    return ownlib.load("palettemap", _DECLARATIONS)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether it works here: four colours come back as they are."""
    try:
        palette = np.array([[0, 0, 0, 255], [255, 0, 0, 255], [0, 255, 0, 255], [9, 9, 9, 0]], np.uint8)
        pixels = palette[np.arange(64).reshape(8, 8) % 4]
        made = mapped(np.ascontiguousarray(pixels), palette, np.zeros((8, 8), np.float32), dither=0.0, shortest=2)
        return bool((palette[made] == pixels)[..., 3].all() and (palette[made] == pixels)[pixels[..., 3] > 0].all())
    except (OSError, ImportError):
        return False


def weighted(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RGBA (..., 4) as the mapping counts it: premultiplied, times ``WEIGHTS``."""
    values = colours.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    return values * np.array(WEIGHTS, np.float32)


def mapped(
    pixels: NDArray[np.uint8], palette: NDArray[np.uint8], tolerance: NDArray[np.float32], *, dither: float,
    shortest: int,
) -> NDArray[np.uint8]:  # fmt: skip
    """The palette's indices (rows, columns) for RGBA pixels (rows, columns, 4); the palette is (entries, 4).

    ``tolerance`` (rows, columns) is what the squared weighted distance of a pixel may be above that of its nearest
    entry; ``shortest`` is the length of the shortest match that is worth it, in pixels.
    """
    ffi, library = _library()
    rows, columns = pixels.shape[:2]
    colours = weighted(palette)
    order = np.argsort(colours[:, 1], kind="stable")
    out = np.empty((rows, columns), np.uint8)
    # Kept until the end: the library holds bare addresses.
    held: dict[str, NDArray[Any]] = {
        "pixels": np.ascontiguousarray(pixels),
        "tolerance": np.ascontiguousarray(tolerance, np.float32),
        "palette": np.ascontiguousarray(colours[order]),
        "nearest": np.empty(rows * columns, np.float32),
        "errors": np.empty(8 * (columns + 2), np.float32),
        "heads": np.empty(_BUCKETS, np.int32),
        "links": np.empty(_WINDOW, np.int32),
    }
    given = ffi.new("Mapping *")
    for name, values in held.items():
        setattr(given, name, ffi.from_buffer(_KINDS[values.dtype.name], values))
    given.weights, given.dither = list(WEIGHTS), dither
    given.wide, given.high, given.size, given.shortest = columns, rows, len(colours), shortest
    library.pixlean_map(given, ffi.from_buffer("uint8_t[]", out))
    return order.astype(np.uint8)[out]

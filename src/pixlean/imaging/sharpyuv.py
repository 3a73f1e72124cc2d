"""Sharp chroma: 4:2:0 whose colour, once enlarged again, is nearest to the picture's (libsharpyuv, cffi, ABI mode).

The library comes with Pillow's wheel, beside libwebp that it was made for. Where it is not found, or fails its
self-test, ``available`` says so.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.domain.errors import EngineFailed

_FULL_RANGE_601 = 2  # kSharpYuvMatrixRec601Full: JPEG's own (sharpyuv_csp.h)
_DECLARATIONS = """
typedef struct { int rgb_to_y[4], rgb_to_u[4], rgb_to_v[4]; } Matrix;
void SharpYuvInit(void *);
const Matrix *SharpYuvGetConversionMatrix(int);
int SharpYuvConvert(const void *r, const void *g, const void *b, int step, int stride, int depth,
                    void *y, int y_stride, void *u, int u_stride, void *v, int v_stride, int yuv_depth,
                    int width, int height, const Matrix *);
"""

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any, Any]:
    import cffi
    import PIL

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    (path,) = Path(PIL.__file__).parent.with_name("pillow.libs").glob("libsharpyuv-*.so*")
    library = ffi.dlopen(str(path))
    library.SharpYuvInit(ffi.NULL)
    return ffi, library, library.SharpYuvGetConversionMatrix(_FULL_RANGE_601)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether it works here: grey stays grey, and red has the values that JPEG gives it."""
    try:
        grey = sharp_planes(np.full((6, 5, 3), 77, np.uint8))
        red = sharp_planes(np.broadcast_to(np.array([255, 0, 0], np.uint8), (8, 8, 3)))
    except Exception:  # the wheel may lack any of it, in any way; chroma is then averaged
        return False
    wanted = (((77, 128, 128), grey), ((76, 85, 255), red))
    return all(abs(int(plane.mean()) - value) <= 1 for values, planes in wanted for value, plane in zip(values, planes))


def sharp_planes(pixels: NDArray[np.uint8]) -> Planes:
    """Y, Cb and Cr of RGB pixels (rows, columns, 3): Y of that size, the others half as large, rounded up.

    50 to 130 ms a megapixel. Raises ``EngineFailed``.
    """
    ffi, library, matrix = _library()
    pixels = np.ascontiguousarray(pixels)
    rows, columns = pixels.shape[:2]
    luma = np.empty((rows, columns), np.uint8)
    blue, red = (np.empty(((rows + 1) // 2, (columns + 1) // 2), np.uint8) for _ in range(2))
    first = ffi.cast("uint8_t *", pixels.ctypes.data)
    places = [(ffi.cast("void *", plane.ctypes.data), plane.shape[1]) for plane in (luma, blue, red)]
    done = library.SharpYuvConvert(
        first, first + 1, first + 2, 3, columns * 3, 8, *(part for place in places for part in place), 8,
        columns, rows, matrix,
    )  # fmt: skip
    if not done:
        raise EngineFailed("libsharpyuv could not convert the picture")
    return luma, blue, red

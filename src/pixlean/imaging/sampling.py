"""Parts of a picture that stand for the whole: tiles from an even grid, put together to one small picture.

How much of the whole a sample stands for is not its share of the pixels but of the bytes that a quick JPEG takes:
with a few tiles of a large picture that makes the error three times smaller.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixlean.imaging.perception import score_frames
from pixlean.imaging.pixels import Array


@dataclass(frozen=True)
class Sample:
    """A mosaic of tiles, and the share of the picture's detail that it holds."""

    frame: Array
    share: float

    def whole(self, sample_bytes: int, fixed_bytes: int = 0) -> int:
        """The size of the whole picture where the sample takes ``sample_bytes``, ``fixed_bytes`` of them headers."""
        return round(max(0, sample_bytes - fixed_bytes) / self.share) + fixed_bytes


def tiles(frame: Array, *, tile_px: int, most_px: int) -> Sample | None:
    """A mosaic as a sample; ``None`` where there is none."""
    part = mosaic(frame, tile_px=tile_px, most_px=most_px)
    return None if part is None else Sample(part, _detail(part) / _detail(frame))


def mosaic(frame: Array, *, tile_px: int, most_px: int, step_px: int = 16) -> Array | None:
    """At most ``most_px`` pixels of a picture, in tiles at multiples of ``step_px`` (the block grid of codecs).

    ``None`` where the picture is hardly larger than that, or too narrow: then it is its own best sample.
    """
    grid = parts(frame, tile_px=tile_px, most_px=most_px, step_px=step_px)
    return None if grid is None else np.concatenate([np.concatenate(row, axis=1) for row in grid])


def parts(frame: Array, *, tile_px: int, most_px: int, step_px: int = 16) -> list[list[Array]] | None:
    """The tiles of a mosaic, row by row, each a view of the frame."""
    rows, columns = frame.shape[:2]
    if rows * columns < 1.5 * most_px or min(rows, columns) < tile_px:
        return None
    count = most_px // (tile_px * tile_px)
    across = min(columns // tile_px, max(1, round(math.sqrt(count * columns / rows))))
    down = min(rows // tile_px, max(1, count // across))
    tops, lefts = (_starts(size, tile_px, number, step_px) for size, number in ((rows, down), (columns, across)))
    return [[frame[top : top + tile_px, left : left + tile_px] for left in lefts] for top in tops]


_JPEG_HEAD_BYTES = 620


def _detail(frame: Array) -> int:
    """Bytes that the picture takes as a JPEG, headers not counted (5 ms a megapixel)."""
    shown = np.right_shift(frame, 8).astype(np.uint8) if frame.dtype == np.uint16 else frame
    if shown.ndim == 3:
        shown = np.ascontiguousarray(shown[..., :3] if shown.shape[2] >= 3 else shown[..., 0])
    import imagecodecs

    packed = imagecodecs.jpeg8_encode(np.ascontiguousarray(shown), level=75)
    return max(1, len(packed) - _JPEG_HEAD_BYTES)


def _starts(size: int, tile_px: int, number: int, step_px: int) -> list[int]:
    """Even places for tiles along a side; a single tile stands in the middle."""
    if number == 1:
        return [(size - tile_px) // 2 // step_px * step_px]
    last = size - tile_px
    return [min(last, round(at / step_px) * step_px) for at in np.linspace(0, last, number)]


def tile_score(original: Array, result: Array) -> float:
    """SSIMULACRA2 on eight 128-pixel tiles, for telling wrong from right."""
    if original.shape[:2] != result.shape[:2]:
        return -100.0
    left, right = (mosaic(frame, tile_px=128, most_px=131_072) for frame in (original, result))
    return score_frames(original if left is None else left, result if right is None else right)

"""How alike pictures and animations look: SSIMULACRA2 of what is shown of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.pixels import Array, to_rgba8
from pixlean.imaging.ssimsums import Planes
from pixlean.imaging.ssimulacra2 import SCALES, Reference, averaged, light, measured, prepared, quarter, weighed

# Of pictures above two megapixels the two finest of the six scales, nine tenths of the work, are measured on a
# megapixel only: tiles of 256 pixels on an even 4 x 4 grid. The coarser scales see the whole picture.
_WHOLE_PIXELS, _TILE_PX, _TILES_A_SIDE, _FINE_SCALES = 2_000_000, 256, 4, 2
_BAND_ROWS = 512
_FRAMES_LOOKED_AT = 8


@dataclass(frozen=True)
class _Looked:
    """What is looked at of a frame, in linear light: all of it, or tiles and the whole at a quarter of its size."""

    parts: tuple[Planes, ...]
    coarse: Planes | None


class Judge:
    """One picture or animation as the reference of many comparisons: its side is prepared once.

    Large pictures are judged on tiles, long animations on eight frames; pictures with alpha on black and on white.
    """

    def __init__(self, frames: tuple[Array, ...]) -> None:
        self._step = max(1, len(frames) // _FRAMES_LOOKED_AT)
        self._shapes = [frame.shape[:2] for frame in frames]
        shown = [to_rgba8(frame) for frame in frames[:: self._step]]
        self._levels = (0,) if all((frame[..., 3] == 255).all() for frame in shown) else (0, 255)
        self._prepared = [[_prepare_looked(_look(_over(frame, level))) for level in self._levels] for frame in shown]

    def score(self, frames: tuple[Array, ...]) -> float:
        """The worst SSIMULACRA2 of the frames; -100 where sizes or number differ."""
        if [frame.shape[:2] for frame in frames] != self._shapes:
            return -100.0
        worst = 100.0
        for sides, frame in zip(self._prepared, frames[:: self._step], strict=True):
            made = to_rgba8(frame)
            for level, (fine, coarse) in zip(self._levels, sides, strict=True):
                looked = _look(_over(made, level))
                parts = [measured(side, part) for side, part in zip(fine, looked.parts, strict=True)]
                norms = averaged(parts)
                if coarse is not None and looked.coarse is not None:
                    norms = norms + measured(coarse, looked.coarse)
                worst = min(worst, weighed(norms))
        return worst


def _prepare_looked(looked: _Looked) -> tuple[list[Reference], Reference | None]:
    count = SCALES if looked.coarse is None else _FINE_SCALES
    coarse = None if looked.coarse is None else prepared(looked.coarse, SCALES - _FINE_SCALES)
    return [prepared(part, count) for part in looked.parts], coarse


def _look(rgb: NDArray[np.uint8]) -> _Looked:
    rows, columns = rgb.shape[:2]
    if min(rows, columns) < 8:
        rgb = np.pad(rgb, ((0, max(0, 8 - rows)), (0, max(0, 8 - columns)), (0, 0)), mode="edge")
    if rows * columns <= _WHOLE_PIXELS or min(rows, columns) < _TILE_PX:
        return _Looked((light(rgb),), None)
    down, across = (min(_TILES_A_SIDE, side // _TILE_PX) for side in (rows, columns))
    tops = [round(at) for at in np.linspace(0, rows - _TILE_PX, down)]
    lefts = [round(at) for at in np.linspace(0, columns - _TILE_PX, across)]
    tiles = tuple(light(rgb[top : top + _TILE_PX, left : left + _TILE_PX]) for top in tops for left in lefts)
    # In bands, so that a large picture is never held in linear light as a whole.
    bands = [quarter(light(rgb[top : top + _BAND_ROWS])) for top in range(0, rows, _BAND_ROWS)]
    return _Looked(tiles, np.concatenate(bands, axis=1))


def _over(rgba: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    if (rgba[..., 3] == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = (rgba[..., :3] * alpha + level * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(mixed.astype(np.uint8))


def score_frames(original: Array, result: Array) -> float:
    """SSIMULACRA2 of two decoded frames; with alpha, the worse of the scores on black and on white."""
    return Judge((original,)).score((result,))

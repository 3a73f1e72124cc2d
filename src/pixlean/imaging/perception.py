"""SSIMULACRA2: how alike two pictures look, 100 identical, 90 no visible difference, 50 clearly worse.

An own implementation on OpenCV float32 of the metric by Jon Sneyers (Cloudinary, libjxl). The weights are
the published ones (BSD-3-Clause, copyright the JPEG XL Project Authors; see ``docs/dependencies.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.pixels import Array, to_rgba8

Floats = NDArray[np.float32]

_C2 = np.float32(0.0009)
_SCALES = 6
_OPSIN = np.array(
    [[0.30, 0.622, 0.078], [0.23, 0.692, 0.078], [0.24342268924547819, 0.20476744424496821, 0.5518098665095536]],
    np.float32,
)
_BIAS = np.float32(0.0037930732552754493)
_CBRT_BIAS = np.float32(np.cbrt(0.0037930732552754493))
_TO_LMS = np.hstack([_OPSIN, np.full((3, 1), _BIAS, np.float32)])
# XYB and the metric's shift to positive values folded into one affine map after the cube root.
_TO_XYB = np.array([[7, -7, 0, 0.42], [0.5, 0.5, 0, -_CBRT_BIAS + np.float32(0.01)], [-0.5, -0.5, 1, 0.55]], np.float32)
_WEIGHTS = (
    0.0,
    0.0007376606707406586,
    0.0,
    0.0,
    0.0007793481682867309,
    0.0,
    0.0,
    0.0004371155730107379,
    0.0,
    1.1041726426657346,
    0.00066284834129271,
    0.00015231632783718752,
    0.0,
    0.0016406437456599754,
    0.0,
    1.8422455520539298,
    11.441172603757666,
    0.0,
    0.0007989109436015163,
    0.000176816438078653,
    0.0,
    1.8787594979546387,
    10.94906990605142,
    0.0,
    0.0007289346991508072,
    0.9677937080626833,
    0.0,
    0.00014003424285435884,
    0.9981766977854967,
    0.00031949755934435053,
    0.0004550992113792063,
    0.0,
    0.0,
    0.0013648766163243398,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    7.466890328078848,
    0.0,
    17.445833984131262,
    0.0006235601634041466,
    0.0,
    0.0,
    6.683678146179332,
    0.00037724407979611296,
    1.027889937768264,
    225.20515300849274,
    0.0,
    0.0,
    19.213238186143016,
    0.0011401524586618361,
    0.001237755635509985,
    176.39317598450694,
    0.0,
    0.0,
    24.43300999870476,
    0.28520802612117757,
    0.0004485436923833408,
    0.0,
    0.0,
    0.0,
    34.77906344483772,
    44.835625328877896,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0008680556573291698,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0005313191874358747,
    0.0,
    0.00016533814161379112,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0,
    0.0004179171803251336,
    0.0017290828234722833,
    0.0,
    0.0020827005846636437,
    0.0,
    0.0,
    8.826982764996862,
    23.19243343998926,
    0.0,
    95.1080498811086,
    0.9863978034400682,
    0.9834382792465353,
    0.0012286405048278493,
    171.2667255897307,
    0.9807858872435379,
    0.0,
    0.0,
    0.0,
    0.0005130064588990679,
    0.0,
    0.00010854057858411537,
)


@lru_cache(maxsize=1)
def _linear_table() -> Floats:
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


@dataclass(frozen=True)
class Reference:
    """The prepared side of a comparison; one entry of arrays per scale."""

    scales: tuple[tuple[Floats, Floats, Floats, Floats], ...]


def _xyb(linear: Floats) -> Floats:
    lms = cv2.transform(linear, _TO_LMS)
    np.maximum(lms, 0, out=lms)
    return cv2.transform(cv2.pow(lms, 1 / 3.0), _TO_XYB)


def _blur(plane: Floats) -> Floats:
    return cv2.GaussianBlur(plane, (11, 11), 1.5, borderType=cv2.BORDER_CONSTANT)


def _halve(linear: Floats) -> Floats:
    height, width = linear.shape[:2]
    if height & 1 or width & 1:
        padded = cv2.copyMakeBorder(linear, 0, height & 1, 0, width & 1, cv2.BORDER_REPLICATE)
    else:
        padded = linear
    return cv2.resize(padded, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def prepare(rgb: NDArray[np.uint8]) -> Reference:
    """Prepare an 8-bit sRGB picture (rows, columns, 3) as the reference of many comparisons."""
    return _prepared(_linear_table()[rgb], _SCALES)


def _prepared(linear: Floats, count: int) -> Reference:
    scales = []
    for _ in range(count):
        if min(linear.shape[:2]) < 8:
            break
        xyb = _xyb(linear)
        mean = _blur(xyb)
        variance = _blur(xyb * xyb) - mean * mean
        edge = np.abs(xyb - mean) + np.float32(1)
        scales.append((xyb, mean, variance, edge))
        linear = _halve(linear)
    return Reference(tuple(scales))


def compare(reference: Reference, rgb: NDArray[np.uint8]) -> float:
    """The SSIMULACRA2 score of ``rgb`` (rows, columns, 3; 8 bit sRGB) against a prepared reference."""
    return _weigh(_measured(reference, _linear_table()[rgb]))


Norms = list[tuple[NDArray[np.float64], ...]]


def _measured(reference: Reference, linear: Floats) -> Norms:
    """Mean and mean fourth power of the three maps of each scale: what can be averaged over parts of a picture."""
    norms: Norms = []
    for xyb1, mean1, variance1, edge1 in reference.scales:
        xyb2 = _xyb(linear)
        mean2 = _blur(xyb2)
        variance2 = _blur(xyb2 * xyb2) - mean2 * mean2
        covariance = _blur(xyb1 * xyb2) - mean1 * mean2
        shift = mean1 - mean2
        ssim = (1 - shift * shift) * (2 * covariance + _C2) / (variance1 + variance2 + _C2)
        edges = (np.abs(xyb2 - mean2) + np.float32(1)) / edge1 - np.float32(1)
        norms.append(
            (
                *_norms(np.maximum(1 - ssim, 0)),
                *_norms(np.maximum(edges, 0)),
                *_norms(np.maximum(-edges, 0)),
            )
        )
        linear = _halve(linear)
    return norms


def _norms(difference: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    squared = difference * difference
    return np.array(cv2.mean(difference)[:3]), np.array(cv2.mean(squared * squared)[:3])


def _weigh(norms: list[tuple[NDArray[np.float64], ...]]) -> float:
    """The published polynomial over the weighted norms; order channel, scale, norm, map.

    A picture too small for all scales uses the weights of the scales that it has, as the reference tool does.
    """
    total = 0.0
    at = 0
    for channel in range(3):
        for scale in norms:
            for norm in range(2):
                for part in range(3):
                    value = abs(float(scale[2 * part + norm][channel]))
                    total += _WEIGHTS[at] * (value**0.25 if norm else value)
                    at += 1
    total *= 0.9562382616834844
    total = 2.326765642916932 * total - 0.020884521182843837 * total**2 + 6.248496625763138e-05 * total**3
    return float(100 - 10 * total**0.6276336467831387) if total > 0 else 100.0


# Of pictures above two megapixels the two finest of the six scales, nine tenths of the work, are measured on a
# megapixel only: tiles of 256 pixels on an even 4 x 4 grid. The coarser scales see the whole picture.
_WHOLE_PIXELS, _TILE_PX, _TILES_A_SIDE, _FINE_SCALES = 2_000_000, 256, 4, 2
_BAND_ROWS = 512
_FRAMES_LOOKED_AT = 8


@dataclass(frozen=True)
class _Looked:
    """What is looked at of a frame, in linear light: all of it, or tiles and the whole at a quarter of its size."""

    parts: tuple[Floats, ...]
    coarse: Floats | None


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
                parts = [_measured(side, part) for side, part in zip(fine, looked.parts, strict=True)]
                norms = _averaged(parts)
                if coarse is not None and looked.coarse is not None:
                    norms = norms + _measured(coarse, looked.coarse)
                worst = min(worst, _weigh(norms))
        return worst


def _prepare_looked(looked: _Looked) -> tuple[list[Reference], Reference | None]:
    count = _SCALES if looked.coarse is None else _FINE_SCALES
    coarse = None if looked.coarse is None else _prepared(looked.coarse, _SCALES - _FINE_SCALES)
    return [_prepared(part, count) for part in looked.parts], coarse


def _averaged(measured: list[Norms]) -> Norms:
    if len(measured) == 1:
        return measured[0]
    return [
        tuple(np.mean(values, axis=0) for values in zip(*scale, strict=True)) for scale in zip(*measured, strict=True)
    ]


def _look(rgb: NDArray[np.uint8]) -> _Looked:
    rows, columns = rgb.shape[:2]
    if min(rows, columns) < 8:
        rgb = np.pad(rgb, ((0, max(0, 8 - rows)), (0, max(0, 8 - columns)), (0, 0)), mode="edge")
    table = _linear_table()
    if rows * columns <= _WHOLE_PIXELS or min(rows, columns) < _TILE_PX:
        return _Looked((table[rgb],), None)
    down, across = (min(_TILES_A_SIDE, side // _TILE_PX) for side in (rows, columns))
    tops = [round(at) for at in np.linspace(0, rows - _TILE_PX, down)]
    lefts = [round(at) for at in np.linspace(0, columns - _TILE_PX, across)]
    tiles = tuple(table[rgb[top : top + _TILE_PX, left : left + _TILE_PX]] for top in tops for left in lefts)
    # In bands, so that a large picture is never held in linear light as a whole.
    bands = [_halve(_halve(table[rgb[top : top + _BAND_ROWS]])) for top in range(0, rows, _BAND_ROWS)]
    return _Looked(tiles, np.concatenate(bands))


def _over(rgba: NDArray[np.uint8], level: int) -> NDArray[np.uint8]:
    if (rgba[..., 3] == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = (rgba[..., :3] * alpha + level * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(mixed.astype(np.uint8))


def score_frames(original: Array, result: Array) -> float:
    """SSIMULACRA2 of two decoded frames; with alpha, the worse of the scores on black and on white."""
    return Judge((original,)).score((result,))

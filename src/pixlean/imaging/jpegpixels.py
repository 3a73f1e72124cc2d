"""From pixels to a JPEG: which encoder, which chroma, which quantisation stands for a number of quality."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pixlean.imaging import jpegli, jpegtrellis
from pixlean.imaging.chroma import halving_loss
from pixlean.imaging.pixels import Array
from pixlean.imaging.vips import vips

TRELLIS, JPEGLI, MOZJPEG = "jpegli-trellis", "jpegli", "mozjpeg-trellis"

# Up to this effort 4 % of the bytes are not worth half as much time again.
QUICK_EFFORT = 2
# Progressive files have a header for every scan: above this they are smaller all the same.
_SMALL_PIXELS = 60_000
# The trellis holds 6 bytes a pixel beside the picture, and so does the file that is written anew.
_MOST_TRELLIS_PIXELS = 40_000_000
# Beyond it no coefficient is worth leaving out.
_MOST_TRELLIS_QUALITY = 96

# jpegli's quality that scores, on photographs, no lower on average than libjpeg-turbo's at the recipe's number
# (`make bench` measures it): a little more from 50 on.
_SHIFT_BELOW_50, _SHIFT = 2.0, 3.2

# From this loss on chroma is halved with its edges in mind; from the others on it is not halved at all. Averaged
# chroma shows as bleeding around coloured lines and text much earlier than sharp chroma does.
_SHARP_FROM, _WHOLE_FROM, _WHOLE_AT_HIGH_QUALITY = 0.4, 4.0, 1.5
_AVERAGED_WHOLE_FROM, _AVERAGED_WHOLE_AT_HIGH_QUALITY = 1.5, 0.8
_HIGH_QUALITY = 85

# By quality, how much farther the trellis may go to look as jpegli does: medians of 28 photographs and graphics at
# equal SSIMULACRA2, for averaged, sharp and whole chroma. Whole chroma below 85 is for patterns that it spoils.
_FARTHER = ((40, 1.09), (60, 1.09), (75, 1.15), (85, 1.16), (92, 1.15))
_SHARP_FARTHER = ((40, 1.23), (60, 1.22), (75, 1.28), (85, 1.31), (92, 1.34))
_WHOLE_FARTHER = ((85, 1.45), (92, 1.5))


def encoder_for(quality: float, effort: int | None, pixels: int) -> str:
    """The encoder that makes the smallest file for so much effort (0-9, ``None`` is what pays)."""
    if not jpegli.available():
        return MOZJPEG
    quick = effort is not None and effort <= QUICK_EFFORT
    worth = quality <= _MOST_TRELLIS_QUALITY and pixels <= _MOST_TRELLIS_PIXELS
    return TRELLIS if worth and not quick and jpegtrellis.available() else JPEGLI


@dataclass(frozen=True)
class Chroma:
    """How colours are stored: ``subsampling`` 420 or 444; of halved ones, whether their edges are kept sharp."""

    subsampling: str
    sharp: bool = False


WHOLE = Chroma("444")


def chroma_for(pixels: Array, quality: float, encoder: str, *, halved: bool = False) -> Chroma:
    """Halved where that does not show with this encoder, or where it must be: (rows, columns[, 3]), uint8."""
    if pixels.ndim == 2 or (halved and encoder != TRELLIS):
        return Chroma("420")
    low, high = (
        (_WHOLE_FROM, _WHOLE_AT_HIGH_QUALITY) if encoder == TRELLIS
        else (_AVERAGED_WHOLE_FROM, _AVERAGED_WHOLE_AT_HIGH_QUALITY)
    )  # fmt: skip
    loss = halving_loss(pixels)
    if not halved and loss > (low if quality < _HIGH_QUALITY else high):
        return WHOLE
    return Chroma("420", sharp=encoder == TRELLIS and loss > _SHARP_FROM)


def encode(pixels: Array, quality: float, encoder: str, *, progressive: bool | None, chroma: Chroma) -> bytes:
    """Encode grey or RGB pixels; ``progressive`` ``None`` is what is smaller. Raises what the encoder raises."""
    if encoder == MOZJPEG:
        return _mozjpeg(pixels, quality, progressive=progressive is not False, chroma=chroma)
    shift = _SHIFT if quality >= 50 else _SHIFT_BELOW_50
    distance = jpegli.quality_to_distance(min(100, quality + shift))
    if encoder == TRELLIS and (quality >= _HIGH_QUALITY or chroma != WHOLE):
        make = partial(_trellis, pixels, distance, chroma, quality)
    else:
        make = partial(_jpegli, pixels, distance, chroma)
    if progressive is None and pixels.shape[0] * pixels.shape[1] <= _SMALL_PIXELS:
        return min(make(progressive=True), make(progressive=False), key=len)
    return make(progressive=progressive is not False)


def _jpegli(pixels: Array, distance: float, chroma: Chroma, *, progressive: bool) -> bytes:
    return jpegli.encode(pixels, distance=distance, subsampling=chroma.subsampling, progressive=progressive)


def _trellis(pixels: Array, distance: float, chroma: Chroma, quality: float, *, progressive: bool) -> bytes:
    """With the tables of a larger distance, at which it looks as jpegli does at this one."""
    farther = _WHOLE_FARTHER if chroma == WHOLE else _SHARP_FARTHER if chroma.sharp else _FARTHER
    factor = float(np.interp(quality, [at for at, _ in farther], [by for _, by in farther]))
    return jpegtrellis.encode(
        pixels, distance=factor * distance, subsampling=chroma.subsampling, sharp=chroma.sharp, progressive=progressive
    )


def _mozjpeg(pixels: Array, quality: float, *, progressive: bool, chroma: Chroma) -> bytes:
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    encoded: bytes = image.jpegsave_buffer(
        Q=round(quality),
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_coding=True,
        optimize_scans=progressive,
        interlace=progressive,
        quant_table=3,
        subsample_mode="off" if chroma == WHOLE else "on",
        keep="none",
    )
    return encoded

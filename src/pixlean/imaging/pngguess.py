"""What PNGs will take, in a fraction of the time that making them takes, and whether a palette has a chance at all."""

from __future__ import annotations

import io
import math
import zlib

import numpy as np
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.pixels import Array, as_rgb_array, load_pixels, open_with_pillow
from pixlean.imaging.pngfile import CHANNELS, MODES, chunks_of, selected_chunks, with_colour_of
from pixlean.imaging.pngpack import pack_at
from pixlean.imaging.pngpalette import is_drawn, quantised, repeating
from pixlean.imaging.sampling import mosaic, tile_score, tiles
from pixlean.imaging.worth import PALETTE, beats_palette

WORN = "a palette was chosen before, and another one saves too little"
_CHANNELS_OF = {MODES[colour]: count for colour, count in CHANNELS.items()}
# Choosing colours for noise takes 5 to 7 seconds a megapixel, only to fail the floor. Tiles have fewer colours than the
# whole and score higher: on 18 of 21 pictures by 4 to 20 points, on three by up to 4 less, all far above any floor.
_HOPE_ASKED_PIXELS, _HOPE_PIXELS, _LEAST_GAIN_OF_TILES = 500_000, 65_536, 2.0


def check_hope(whole: Array, recipe: Recipe, quality: int) -> None:
    """Raise ``DropTrial`` where a part of a large picture says that no palette reaches the recipe's floor."""
    floor = PALETTE[recipe.strength].floor_score
    if floor is None or whole.dtype != np.uint8 or whole.shape[0] * whole.shape[1] < _HOPE_ASKED_PIXELS:
        return
    score = _palette_score(whole, quality, most_px=_HOPE_PIXELS)
    if score < floor + _LEAST_GAIN_OF_TILES:
        raise DropTrial(f"a part of it scores {score:.1f}: the whole would be below {floor:.0f}")


# The guesses: palettes and oxipng at their lowest effort, times what more effort is worth. The ratios were fitted to 79
# pictures of many kinds; their spread is what was left of the error.
_QUICK_PALETTE_PIXELS, _SCORED_PIXELS, _REPEATED_PIXELS = 700_000, 200_000, 131_072
# The quick palette scores up to 40 points below the one that counts; under this the good one fails its floor too.
_HOPELESS_SCORE = 32.0


def guess_palette(source: Source, recipe: Recipe, quality: int) -> Forecast:
    """The size with a palette. Raises ``DropTrial`` where it would look too bad."""
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_QUICK_PALETTE_PIXELS)
    pixels = sample.frame if sample else whole
    made = quantised(pixels, quality=quality, effort=1)
    bits = 8 * len(made) / (pixels.shape[0] * pixels.shape[1])
    ratio = math.exp(-0.400 + 0.0554 * bits - 0.0659 * math.log(bits + 0.05))
    size = round(
        (sample.whole(len(made), 900) if sample else len(made)) * ratio * _share_where_it_repeats(whole, quality)
    )
    size += len(with_colour_of(source, made, recipe)) - len(made)
    if tile_score(pixels, as_rgb_array(load_pixels(open_with_pillow(made, "PNG")))) < _HOPELESS_SCORE:
        raise DropTrial("would score too low")
    strategy = Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE
    score = _palette_score(whole, quality) if recipe.strength is Strength.LOW else None
    return Forecast(size_bytes=size, strategy=strategy, spread=0.14 if sample else 0.10, score=score)


def _share_where_it_repeats(whole: Array, quality: int) -> float:
    """What a part takes where pixels may repeat others, of what it takes where each has its own colour.

    Of drawings, where little is won, tiles say nothing of the whole.
    """
    if is_drawn(whole):
        return 1.0
    part = mosaic(whole, tile_px=128, most_px=_REPEATED_PIXELS)
    pixels = whole if part is None else part
    plain = quantised(pixels, quality=quality, effort=1)
    return len(repeating(pixels, plain, effort=1)[0]) / len(plain)


def guess_palette_again(source: Source, recipe: Recipe, quality: int) -> Forecast:
    """The size with another palette. Raises ``DropTrial`` where it is not worth the wear."""
    forecast = guess_palette(source, recipe, quality)
    if not beats_palette(forecast.size_bytes, guess_packed(source, recipe).size_bytes):
        raise DropTrial(WORN)
    return forecast


def _palette_score(whole: Array, quality: int, most_px: int = _SCORED_PIXELS) -> float:
    """How a part of the picture would look: asked where the floor is so high that many a picture fails it."""
    part = mosaic(whole, tile_px=128, most_px=most_px)
    pixels = whole if part is None else part
    made = quantised(pixels, quality=quality, effort=7)
    return tile_score(pixels, as_rgb_array(load_pixels(open_with_pillow(made, "PNG"))))


_LEVEL_1_PIXELS, _LEVEL_0_PIXELS = 500_000, 2_000_000


def guess_packed(source: Source, recipe: Recipe) -> Forecast:
    """The size of the same pixels, packed better."""
    data = selected_chunks(source.data, source.info, recipe)
    pixels = source.info.pixels
    if pixels > _LEVEL_0_PIXELS and not source.info.progressive and source.info.bit_depth == 8:
        return _guess_rows(source, data)
    level = 1 if pixels <= _LEVEL_1_PIXELS else 0
    quick = len(pack_at(level, data, source.info, lossless=True, force=True))
    bits = math.log(1 + 8 * quick / pixels)
    ratio = 0.94 + 0.017 * bits if level == 1 else 0.86 + 0.03 * bits
    spread = 0.015 + 0.04 / (1 + bits) if level == 1 else 0.02 + 0.08 / (1 + bits)
    # A source that the quick attempt can't come near was packed well before: there is nothing to win.
    packed_well = quick > len(data) * (1.0 if level == 1 else 1.12)
    size = len(data) if packed_well else round(min(quick * ratio, len(data)))
    return Forecast(size_bytes=size, strategy=Strategy.DIRECT_ENCODE, spread=spread)


def _guess_rows(source: Source, data: bytes) -> Forecast:
    """Stripes of rows packed again, against what the same rows take in the file: inflating it tells how much."""
    packed = b"".join(body for kind, body in chunks_of(data, Limits()) if kind == b"IDAT")
    whole = source.picture.first
    rows, stripe = whole.shape[0], 16
    count = max(2, 200_000 // (whole.shape[1] * stripe))
    tops = [round(top) for top in np.linspace(0, rows - stripe, count)]
    spent = _bytes_up_to_row(packed, source.info)
    before = sum(spent[top + stripe] - spent[top] for top in tops)
    out = io.BytesIO()
    cut = np.concatenate([whole[top : top + stripe] for top in tops])
    Image.fromarray(cut).save(out, "PNG", compress_level=1)
    after = len(pack_at(2, out.getvalue(), source.info, lossless=True))
    size = len(data) - len(packed) + round(len(packed) * min(1.0, after / max(1.0, before)))
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.06)


def _bytes_up_to_row(packed: bytes, info: ImageInfo) -> Array:
    """How many compressed bytes a PNG's picture has spent when each row begins, and at its end."""
    inflater = zlib.decompressobj()
    step = max(512, len(packed) // 2000)
    given, got = [0], [0]
    for at in range(0, len(packed), step):
        try:
            got.append(got[-1] + len(inflater.decompress(packed[at : at + step])))
        except zlib.error as error:
            raise BadImage("the PNG data does not decode") from error
        given.append(min(len(packed), at + step))
    row_bytes = 1 + (info.width_px * _CHANNELS_OF[info.mode] * info.bit_depth + 7) // 8
    return np.interp(np.arange(info.height_px + 1) * row_bytes, got, given)

"""PNGs of at most 256 colours: libimagequant's own, or where that is smaller at the same look, one that repeats itself.

libimagequant gives each pixel the colour nearest to it and dithers. Deflate then finds little that it has seen before.
``imaging/palettemap`` takes a good palette (that of quality 90) and lets pixels repeat what stands before them as far
as their surroundings hide it. How far is looked for on tiles: until they score what the plain PNG's do.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.imaging import palettemap
from pixlean.imaging.contract import DropTrial
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array, as_rgb_array, flatness, load_pixels, open_with_pillow, to_rgba8
from pixlean.imaging.sampling import mosaic
from pixlean.imaging.vips import vips

DITHER = 0.5
# Of 5 photographs (Kodak, 512 x 512) at libimagequant's qualities 35, 55 and 75, bytes at equal SSIMULACRA2 as oxipng
# packs them: .70, .77 and .77 of the plain ones. Without a share of the activity .83, .88 and .85; 1 to 2 % more with
# shortest matches of 4, with dithering of .25, or with the standard deviation in the place of the activity.
_PALETTE_QUALITY, _MAP_DITHER, _ACTIVITY_SHARE, _SHORTEST = 90, 0.4, 0.1, 3
# How far: levels of weighted colour on flat ground. The score falls by some 6 points a level on photographs.
_FIRST_REACH, _LEAST_REACH, _MOST_REACH, _POINTS_A_LEVEL = 5.0, 0.5, 14.0, 6.0
_TRIES, _TRIES_OF_WHOLE, _CLOSE_POINTS = 4, 2, 0.5
_SAMPLE_PX, _TILE_PX = 300_000, 128
# 9 bytes a pixel beside the picture.
_MOST_PIXELS = 20_000_000
# Above this a part has all the colours that count, and one mapping of the whole at the part's reach is enough: a
# second takes a fifth of a second a megapixel for 2 % of the bytes.
_LARGE_PX, _PALETTE_PX = 4_000_000, 3_000_000
# What it must save before it is packed. Packing finds more in plain drawings, whose rows repeat: there both are packed.
_GAIN, _DRAWN_FROM = 0.03, 0.5


def quantised(pixels: Array, *, quality: int, dither: float = DITHER, effort: int = 7) -> bytes:
    """A PNG of libimagequant's colours. Raises ``DropTrial`` for pictures of more than 8 bits."""
    if pixels.dtype != np.uint8:
        raise DropTrial("only 8-bit pictures are quantised")
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.pngsave_buffer(
        palette=True,
        Q=quality,
        dither=dither,
        effort=effort,
        compression=6,
        filter="none",
        keep="none",
    )
    return made


def repeating(pixels: Array, plain: bytes, *, least_score: float = 0.0, effort: int = 7) -> tuple[bytes, ...]:
    """PNGs to pack, the smallest of which is the one: ``plain``, the picture quantised, or what may be smaller.

    That looks no worse than ``plain``. Where ``plain`` scores below ``least_score``, it is what scores better instead,
    whatever its size.
    """
    if not palettemap.available() or pixels.dtype != np.uint8 or pixels.shape[0] * pixels.shape[1] > _MOST_PIXELS:
        return (plain,)
    shown, usual = to_rgba8(pixels), _shown(plain)
    is_large = pixels.shape[0] * pixels.shape[1] > _LARGE_PX
    part = mosaic(pixels, tile_px=_TILE_PX, most_px=_PALETTE_PX) if is_large else None
    palette = _palette_of(quantised(pixels if part is None else part, quality=_PALETTE_QUALITY, effort=effort))
    reach = _FIRST_REACH
    sample = mosaic(shown, tile_px=_TILE_PX, most_px=_SAMPLE_PX)
    if sample is not None:
        usual_sample = mosaic(usual, tile_px=_TILE_PX, most_px=_SAMPLE_PX)
        assert usual_sample is not None  # as large
        of_sample = _Wanted(sample, usual_sample, palette, least_score)
        found = _farthest(of_sample, reach)
        if found is None or not of_sample.saves(found[0], _size_as_plain(usual_sample, plain)):
            return (plain,)
        # A whole picture has more that can be repeated than its tiles: it goes less far for the same look.
        reach = found[1]
    whole = _Wanted(shown, usual, palette, least_score)
    tries = _TRIES if sample is None else 1 if is_large else _TRIES_OF_WHOLE
    found = _farthest(whole, reach, enough_after=tries)
    if found is None:
        return (plain,)
    made = _png(found[0], palette)
    if whole.must_save and len(made) > (1 - _GAIN) * (len(plain) if is_large else _size_as_plain(usual, plain)):
        return (plain,)
    return (made, plain) if whole.must_save and is_drawn(pixels) else (made,)


def mapping(pixels: Array, *, quality: int, least_score: float = 0.0) -> tuple[NDArray[np.uint8], float]:
    """Colours (entries, 4) for pixels like these, and how far they may reach to look no worse than quantised ones."""
    palette = _palette_of(quantised(pixels, quality=max(quality, _PALETTE_QUALITY)))
    usual = _shown(quantised(pixels, quality=quality))
    found = _farthest(_Wanted(to_rgba8(pixels), usual, palette, least_score), _FIRST_REACH)
    return palette, _LEAST_REACH if found is None else found[1]


def is_drawn(pixels: Array) -> bool:
    """Whether most pixels equal their neighbour."""
    return flatness(pixels) > _DRAWN_FROM


class _Wanted:
    """A picture or a part of it, with the score that its indices in a palette must reach."""

    def __init__(self, shown: Array, usual: Array, palette: NDArray[np.uint8], least_score: float) -> None:
        self._shown = shown
        self._palette = palette
        self._busy = activity(shown)
        self._judge = Judge((shown,))
        usual_score = self._judge.score((usual,))
        self.score = max(usual_score, least_score)
        self.must_save = usual_score >= least_score

    def at(self, reach: float) -> tuple[Array, float]:
        """The indices for a reach, and how they look."""
        made = mapped(self._shown, self._palette, tolerance(self._busy, reach))
        return made, self._judge.score((self._palette[made],))

    def saves(self, indices: Array, usual_bytes: int) -> bool:
        """Whether they take so much less than usual that packing them is worth it; or must be had anyway."""
        return not self.must_save or len(_png(indices, self._palette)) <= (1 - _GAIN) * usual_bytes


def _farthest(wanted: _Wanted, reach: float, *, enough_after: int = _TRIES) -> tuple[Array, float] | None:
    """The indices of the farthest reach tried that still scores as wanted, with that reach.

    After so many tries any that does is enough.
    """
    best, points_a_level, before = None, _POINTS_A_LEVEL, None
    for tried in range(1, _TRIES + 1):
        indices, score = wanted.at(reach)
        if score >= wanted.score - _CLOSE_POINTS and (best is None or reach > best[1]):
            best = indices, reach
        if (tried >= enough_after and best is not None) or abs(score - wanted.score) <= _CLOSE_POINTS:
            break
        if before is not None and before[0] != reach:
            points_a_level = min(
                4 * _POINTS_A_LEVEL, max(_POINTS_A_LEVEL / 4, (before[1] - score) / (reach - before[0]))
            )
        before = reach, score
        farther = min(_MOST_REACH, max(_LEAST_REACH, reach + (score - wanted.score) / points_a_level))
        if farther == reach:
            break
        reach = farther
    return best


def mapped(shown: Array, palette: NDArray[np.uint8], within: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Indices of RGBA pixels that repeat others as far as ``within`` allows."""
    return palettemap.mapped(shown, palette, within, dither=_MAP_DITHER, shortest=_SHORTEST)


def tolerance(busy: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """Squared distances that nobody sees in surroundings as busy as these, with levels of ``reach`` on flat ground."""
    return (np.float32(reach) * (1 + np.float32(_ACTIVITY_SHARE) * busy)) ** 2


def activity(shown: Array) -> NDArray[np.float32]:
    """How busy the surroundings of each pixel are, in levels: small on both sides of an edge, and on flat ground.

    A pixel's difference to the likelier of its neighbours on both axes, averaged over 3 x 3.
    """
    grey = np.asarray(Image.fromarray(np.ascontiguousarray(shown[..., :3])).convert("L")).astype(np.float32)
    around = np.pad(grey, 1, mode="edge")
    across = np.minimum(np.abs(grey - around[1:-1, :-2]), np.abs(grey - around[1:-1, 2:]))
    down = np.minimum(np.abs(grey - around[:-2, 1:-1]), np.abs(grey - around[2:, 1:-1]))
    busy = np.pad(across + down, 1, mode="edge")
    rows = busy[:-2] + busy[1:-1] + busy[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)


def _png(indices: Array, palette: NDArray[np.uint8]) -> bytes:
    """A PNG of indices as they are, deflated as libvips' are."""
    image = Image.fromarray(indices, "P")
    image.putpalette(palette[:, :3].tobytes())
    alpha = palette[:, 3]
    out = io.BytesIO()
    transparency = {} if (alpha == 255).all() else {"transparency": alpha.tobytes()}
    image.save(out, "PNG", compress_level=6, **transparency)
    return out.getvalue()


def _size_as_plain(usual_sample: Array, plain: bytes) -> int:
    """The bytes of a part of the plain PNG, written alike."""
    palette = _palette_of(plain)
    words = np.ascontiguousarray(palette).view(np.uint32)[:, 0]
    order = np.argsort(words)
    seen = np.ascontiguousarray(usual_sample).view(np.uint32)[..., 0]
    found = order[np.searchsorted(words, seen, sorter=order)]
    return len(_png(found.astype(np.uint8), palette))


def _palette_of(data: bytes) -> NDArray[np.uint8]:
    """The colours (entries, 4) that a PNG with a palette uses."""
    image = load_pixels(open_with_pillow(data, "PNG"))
    listed, transparency = image.getpalette(), image.info.get("transparency", b"")
    if listed is None:
        raise BadImage("the PNG has no palette")
    colours = np.array(listed, np.uint8).reshape(-1, 3)
    alpha = np.full(len(colours), 255, np.uint8)
    if isinstance(transparency, int):  # the one entry that is transparent
        alpha[transparency] = 0
    else:
        alpha[: len(transparency)] = np.frombuffer(transparency, np.uint8)
    return np.column_stack([colours, alpha])


def _shown(data: bytes) -> Array:
    return to_rgba8(as_rgb_array(load_pixels(open_with_pillow(data, "PNG"))))

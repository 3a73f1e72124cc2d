"""Animations in one palette: each frame draws what changes to the eye, and what it draws repeats itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging import palettemap
from pixlean.imaging.apng import Delay, Part, packed, write
from pixlean.imaging.contract import DropTrial
from pixlean.imaging.pixels import Array, to_rgba8
from pixlean.imaging.pngpalette import activity, mapped, mapping, tolerance

# Half a second a megapixel.
_MOST_PX = 24_000_000
# The palette is that of frames from all over, and how far pixels may repeat others is looked for on them.
_SAMPLE_PX, _MOST_SAMPLED = 1_500_000, 16
# What stands still may be off by that share of what pixels may be off to repeat their neighbours: it stays longer.
_STILL_SHARE = 0.7
_MOST_COLOURS = 256
# A level of deflate that tells which of two is smaller.
_GLANCE = 5


def quantised_animation(
    frames: Sequence[Array], delays: Sequence[Delay], *, plays: int, quality: int, least_score: float = 0.0
) -> bytes:
    """An APNG of at most 256 colours in all, as near as libimagequant's quality asks.

    Frames are as they are shown (rows, columns[, channels]), uint8. Raises ``DropTrial`` for others, for long
    ones, and where there is no library that maps them.
    """
    if len(frames) * frames[0].shape[0] * frames[0].shape[1] > _MOST_PX:
        raise DropTrial("the animation is too long to be quantised in time")
    if not palettemap.available() or any(frame.dtype != np.uint8 for frame in frames):
        raise DropTrial("no library maps frames of this kind to a palette")
    shown = [to_rgba8(frame) for frame in frames]
    colours, reach = mapping(_sampled(shown), quality=quality, least_score=least_score)
    palette, clear = _with_a_clear_entry(colours)
    parts = _parts(shown, palette, clear, reach)
    used = np.unique(np.concatenate([np.unique(part.indices) for part in parts]))
    renumbered = np.zeros(_MOST_COLOURS, np.uint8)
    renumbered[used] = np.arange(len(used))
    parts = [Part(renumbered[part.indices], part.top, part.left, part.over) for part in parts]
    return write(palette[used], parts, delays, plays=plays)


def _sampled(shown: Sequence[Array]) -> Array:
    """Frames from all over the animation, one below the other."""
    rows, columns = shown[0].shape[:2]
    count = max(1, min(len(shown), _MOST_SAMPLED, _SAMPLE_PX // (rows * columns)))
    return np.concatenate([shown[round(at)] for at in np.linspace(0, len(shown) - 1, count)])


def _with_a_clear_entry(colours: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The colours, those that are not opaque first, with one that is wholly transparent, and its number.

    Where there are 256 without one, the colour that is nearest to another makes room for it.
    """
    if not (colours[:, 3] == 0).any():
        if len(colours) == _MOST_COLOURS:
            far = np.abs(colours[:, None].astype(int) - colours).sum(axis=2)
            np.fill_diagonal(far, far.max() + 1)
            colours = np.delete(colours, int(far.min(axis=1).argmin()), axis=0)
        colours = np.vstack([np.zeros((1, 4), np.uint8), colours])
    ordered = colours[np.argsort(colours[:, 3], kind="stable")]
    return ordered, int(np.flatnonzero(ordered[:, 3] == 0)[0])


def _parts(shown: Sequence[Array], palette: NDArray[np.uint8], clear: int, reach: float) -> list[Part]:
    parts: list[Part] = []
    # What a mapping may choose: the clear entry only where pixels are clear.
    is_clear = any((frame[..., 3] < 255).any() for frame in shown)
    entries = np.flatnonzero(is_clear | (palette[:, 3] == 255)).astype(np.uint8)
    canvas: NDArray[np.uint8] | None = None
    for at, frame in enumerate(shown):
        busy = activity(frame)
        if canvas is None:
            canvas = entries[mapped(frame, palette[entries], tolerance(busy, reach))]
            parts.append(Part(canvas, 0, 0, over=False))
            continue
        still = _far(palette[canvas], frame) <= tolerance(busy, reach * _STILL_SHARE)
        still |= (frame == shown[at - 1]).all(axis=2)
        box = _box(~still)
        if box is None:
            parts.append(Part(canvas[:1, :1], 0, 0, over=False))
            continue
        rows, columns = box
        drawn = entries[mapped(frame[box], palette[entries], tolerance(busy[box], reach))]
        now = np.where(still[box], canvas[box], drawn)
        parts.append(_smaller(now, canvas[box], palette, clear, rows.start, columns.start))
        canvas = canvas.copy()
        canvas[box] = now
    return parts


def _far(left: Array, right: Array) -> NDArray[np.float32]:
    """Squared distances of RGBA pixels, as the mapping counts them."""
    difference = palettemap.weighted(left) - palettemap.weighted(right)
    return np.asarray(np.einsum("rck,rck->rc", difference, difference), np.float32)


def _box(changed: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _smaller(
    now: NDArray[np.uint8], before: NDArray[np.uint8], palette: NDArray[np.uint8], clear: int, top: int, left: int
) -> Part:
    """The part as it is, or where that is smaller and all that changes is opaque, only what changes of it."""
    whole = Part(now, top, left, over=False)
    changed = now != before
    if not (palette[now[changed], 3] == 255).all():
        return whole
    sparse = Part(np.where(changed, now, np.uint8(clear)), top, left, over=True)
    return min((sparse, whole), key=lambda part: len(packed(part.indices, 8, _GLANCE)))

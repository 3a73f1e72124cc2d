"""Drawings of few colours: how many there are, resizing that makes few more, and fewer of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from pixlean.imaging.pixels import Array, distinct, to_rgba8
from pixlean.imaging.vips import vips

MOST_COLOURS = 256


def colours_of(frame: Array) -> int | None:
    """How many colours a uint8 frame has; ``None`` where they are more than a palette holds, or deeper."""
    if frame.dtype != np.uint8:
        return None
    found = distinct(_words(frame))
    return found if found <= MOST_COLOURS else None


def with_colours(frame: Array, count: int) -> Array:
    """A uint8 frame as RGBA in at most ``count`` of libimagequant's 256 colours, undithered.

    The two colours whose merging costs the smallest sum of squared errors become one, again and again (Ward's method);
    a group is shown in its most used colour, so that grounds and lines keep theirs.
    """
    chosen = _in_a_palette(frame)
    colours, where, used = np.unique(_words(chosen), return_inverse=True, return_counts=True)
    table = colours.view(np.uint8).reshape(-1, 4)
    leaders = _leaders(table, used.astype(float), count)
    return np.ascontiguousarray(table[leaders][where.ravel()].reshape(chosen.shape))


def averaged(frame: Array, sides: tuple[int, int]) -> Array:
    """A uint8 frame at these sides (width, height) as RGBA, by the mean in linear light of the pixels under each.

    Pixels count whole or not at all (Pillow's box), so edges that were hard stay hard and few new colours are made.
    """
    shown = to_rgba8(frame)
    alpha = shown[..., 3].astype(np.float32) / 255
    planes = [_LINEAR[shown[..., channel]] * alpha for channel in range(3)]
    light = [_box(plane, sides) for plane in (*planes, alpha)]
    cover = np.maximum(light[3], 1e-6)
    out = np.stack([*(_encoded(plane / cover) for plane in light[:3]), light[3] * 255], axis=-1)
    made: Array = np.rint(np.clip(out, 0, 255)).astype(np.uint8)
    made[made[..., 3] == 0] = 0
    return made


def _words(frame: Array) -> Array:
    """One number a pixel."""
    return to_rgba8(frame).view(np.uint32)[..., 0]


def _in_a_palette(frame: Array) -> Array:
    image = vips().Image.new_from_array(to_rgba8(frame), interpretation="srgb")
    made = image.pngsave_buffer(palette=True, Q=100, dither=0, effort=4, compression=1, filter="none", keep="none")
    return np.asarray(Image.open(io.BytesIO(made), formats=["PNG"]).convert("RGBA"))


def _leaders(table: Array, weights: Array, count: int) -> Array:
    """For each colour the one that stands for it."""
    opacity = table[:, 3:] / 255.0
    points = np.concatenate([table[:, :3] * opacity, table[:, 3:]], axis=1)
    total, alive = weights.copy(), np.ones(len(table), bool)
    group = np.arange(len(table))
    costs = np.stack([_costs(number, points, total, alive) for number in range(len(table))])
    for _ in range(len(table) - count):
        one, other = divmod(int(np.argmin(costs)), len(table))
        share = total[other] / (total[one] + total[other])
        points[one] += (points[other] - points[one]) * share
        total[one] += total[other]
        group[group == other] = one
        alive[other] = False
        costs[other, :] = costs[:, other] = np.inf
        costs[one, :] = costs[:, one] = _costs(one, points, total, alive)
    leaders = np.arange(len(table))
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        leaders[members] = members[np.argmax(weights[members])]
    return leaders


def _costs(number: int, points: Array, total: Array, alive: Array) -> Array:
    """What it would cost to merge one colour with each of the others."""
    squares = ((points - points[number]) ** 2).sum(axis=1)
    costs: Array = np.where(alive, squares * total * total[number] / (total + total[number]), np.inf)
    costs[number] = np.inf
    return costs


def _box(plane: Array, sides: tuple[int, int]) -> Array:
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(sides, Image.Resampling.BOX))


def _encoded(light: Array) -> Array:
    """Linear light as sRGB on 0-255 (IEC 61966-2-1)."""
    curve: Array = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return curve


_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)

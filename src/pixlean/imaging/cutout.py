"""Objects that stand free on a plain ground: found, and given room."""

from __future__ import annotations

from typing import Any

import numpy as np

_LOOKED_AT_PX = 256
# Levels by which a plain ground may vary, and the share of the object's sides that stays around it.
_PLAIN_LEVELS, _MARGIN = 12, 0.06


def with_room(image: Any, sides: tuple[int, int]) -> Any:
    """A part of the image, or more than it, with the proportions of ``sides`` and the whole object in its middle.

    The image as it is where nothing stands free in it.
    """
    box = _object_box(image)
    if box is None:
        return image
    left, top, width, height = box
    aspect = sides[0] / sides[1]
    wide = max(width * (1 + 2 * _MARGIN), height * (1 + 2 * _MARGIN) * aspect, sides[0])
    high = max(1, round(wide / aspect))
    wide = max(1, round(wide))
    x, y = round(left + (width - wide) / 2), round(top + (height - high) / 2)
    pads = max(0, -x), max(0, -y), max(0, x + wide - image.width), max(0, y + high - image.height)
    if any(pads):
        image = image.embed(
            pads[0], pads[1], image.width + pads[0] + pads[2], image.height + pads[1] + pads[3],
            extend="background", background=image.getpoint(0, 0),
        )  # fmt: skip
    return image.crop(x + pads[0], y + pads[1], wide, high)


def _object_box(image: Any) -> tuple[int, int, int, int] | None:
    """Where the object is (left, top, width, height), if the border all around is plain or transparent."""
    shrink = max(1.0, max(image.width, image.height) / _LOOKED_AT_PX)
    small = image.resize(1 / shrink, kernel="linear") if shrink > 1 else image
    seen = small.numpy().reshape(small.height, small.width, -1).astype(np.float32)
    if image.format == "ushort":
        seen /= 257
    if image.hasalpha():
        different = seen[..., -1] > _PLAIN_LEVELS
        if not different.all() and not _border(different).any():
            return _box(different, shrink, image)
        seen = seen[..., :-1]
    ground = np.median(_border(seen), axis=0)
    different = np.abs(seen - ground).max(axis=2) > _PLAIN_LEVELS
    return None if _border(different).any() else _box(different, shrink, image)


def _border(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def _box(different: np.ndarray[Any, Any], shrink: float, image: Any) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(different.any(axis=1)), np.flatnonzero(different.any(axis=0))
    if not len(rows):
        return None
    left, top = int(columns[0] * shrink), int(rows[0] * shrink)
    right = min(image.width, round((columns[-1] + 1) * shrink))
    bottom = min(image.height, round((rows[-1] + 1) * shrink))
    return left, top, max(1, right - left), max(1, bottom - top)

"""ThumbHash (Evan Wallace, https://evanw.github.io/thumbhash): a blurred picture in some 25 bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pixlean.imaging.pixels import Array


@dataclass(frozen=True, kw_only=True)
class _Waves:
    """A channel as cosines: its mean, the others as 0-1 of ``scale``."""

    mean: float
    others: tuple[float, ...]
    scale: float


def thumbhash(pixels: Array) -> bytes:
    """The hash of RGBA pixels (uint8), at most 100 a side."""
    height, width = pixels.shape[:2]
    alpha = pixels[..., 3].astype(np.float64) / 255
    colours = pixels[..., :3].astype(np.float64) / 255
    weight = alpha.sum()
    mean = (colours * alpha[..., None]).sum(axis=(0, 1)) / weight if weight else np.zeros(3)
    has_alpha = bool(weight < width * height)
    red, green, blue = np.moveaxis(mean * (1 - alpha[..., None]) + colours * alpha[..., None], 2, 0)
    most, longest = (5 if has_alpha else 7), max(width, height)
    across, down = max(1, _round(most * width / longest)), max(1, _round(most * height / longest))
    light = _waves((red + green + blue) / 3, max(3, across), max(3, down))
    yellow = _waves((red + green) / 2 - blue, 3, 3)
    reddish = _waves(red - green, 3, 3)
    is_wide = width > height
    head = (
        _round(63 * light.mean) | _round(31.5 + 31.5 * yellow.mean) << 6 | _round(31.5 + 31.5 * reddish.mean) << 12
        | _round(31 * light.scale) << 18 | int(has_alpha) << 23
    )  # fmt: skip
    more = (
        (down if is_wide else across) | _round(63 * yellow.scale) << 3 | _round(63 * reddish.scale) << 9
        | int(is_wide) << 15
    )  # fmt: skip
    out = bytearray(head.to_bytes(3, "little") + more.to_bytes(2, "little"))
    values = [*light.others, *yellow.others, *reddish.others]
    if has_alpha:
        see_through = _waves(alpha, 5, 5)
        out.append(_round(15 * see_through.mean) | _round(15 * see_through.scale) << 4)
        values += see_through.others
    nibbles = [_round(15 * value) for value in values] + [0] * (len(values) % 2)
    out += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(out)


def _waves(channel: Array, across: int, down: int) -> _Waves:
    height, width = channel.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    found = []
    for row in range(down):
        column = 0
        while column * down < across * (down - row):
            wave = np.outer(np.cos(math.pi / height * row * y), np.cos(math.pi / width * column * x))
            found.append(float((channel * wave).sum() / (width * height)))
            column += 1
    mean, others = found[0], found[1:]
    scale = max((abs(value) for value in others), default=0.0)
    return _Waves(
        mean=mean, others=tuple(0.5 + 0.5 / scale * value if scale else value for value in others), scale=scale
    )


def _round(value: float) -> int:
    """As JavaScript rounds, in which the format was written."""
    return math.floor(value + 0.5)

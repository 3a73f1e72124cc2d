"""BlurHash (Wolt, https://github.com/woltapp/blurhash, Algorithm.md): a blurred picture in some 30 characters."""

from __future__ import annotations

import math

import numpy as np

from pixlean.imaging.pixels import Array

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_MOST_WAVES = 4
_LEVELS = 9  # of each colour of a wave, on either side of the middle


def blurhash(pixels: Array) -> str:
    """The hash of RGBA pixels (uint8), some hundred a side at most; what is transparent is white."""
    height, width = pixels.shape[:2]
    alpha = pixels[..., 3:].astype(np.float64) / 255
    light = _linear(pixels[..., :3].astype(np.float64) / 255 * alpha + (1 - alpha))
    across, down = _waves_of(width, height)
    waves = [_wave(light, column, row) for row in range(down) for column in range(across)]
    first, others = waves[0], np.array(waves[1:])
    most = float(np.abs(others).max()) if len(others) else 0.0
    level = max(0, min(82, math.floor(most * 166 - 0.5)))
    scale = (level + 1) / 166
    return (
        _digits((across - 1) + (down - 1) * 9, 1)
        + _digits(level, 1)
        + _digits(_packed(first), 4)
        + "".join(_digits(_detail(wave, scale), 2) for wave in others)
    )


def _waves_of(width: int, height: int) -> tuple[int, int]:
    """How many waves across and down: the longer side has most."""
    if width >= height:
        return _MOST_WAVES, max(1, min(_MOST_WAVES, round(_MOST_WAVES * height / width)))
    return max(1, min(_MOST_WAVES, round(_MOST_WAVES * width / height))), _MOST_WAVES


def _wave(light: Array, column: int, row: int) -> Array:
    height, width = light.shape[:2]
    # At the middles of the pixels, where a plain picture has no waves; at their corners, as the first encoder of this
    # format looks, it has some.
    across = np.cos(math.pi * column * (np.arange(width) + 0.5) / width)
    down = np.cos(math.pi * row * (np.arange(height) + 0.5) / height)
    share: Array = np.einsum("yxc,y,x->c", light, down, across) / (width * height)
    return share if column == row == 0 else 2 * share


def _linear(values: Array) -> Array:
    made: Array = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return made


def _packed(light: Array) -> int:
    """The mean colour, in sRGB with 8 bits each."""
    clipped = np.clip(light, 0, 1)
    shown = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    red, green, blue = (int(value * 255 + 0.5) for value in shown)
    return red << 16 | green << 8 | blue


def _detail(wave: Array, scale: float) -> int:
    def level(value: float) -> int:
        bent = math.copysign(math.sqrt(abs(value) / scale), value)
        return max(0, min(2 * _LEVELS, math.floor(bent * _LEVELS + _LEVELS + 0.5)))

    red, green, blue = (level(float(value)) for value in wave)
    return (red * 19 + green) * 19 + blue


def _digits(value: int, count: int) -> str:
    return "".join(_DIGITS[value // 83**place % 83] for place in reversed(range(count)))

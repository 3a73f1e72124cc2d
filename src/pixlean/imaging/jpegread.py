"""Usual JPEGs as arrays, straight from libjpeg-turbo: through Pillow, copying the pixels takes longer than decoding."""

from __future__ import annotations

import re

import numpy as np

from pixlean.domain.errors import PixleanError
from pixlean.domain.limits import Limits
from pixlean.imaging import jpegli
from pixlean.imaging.jpegfile import segments_of
from pixlean.imaging.pixels import Array

# A marker within compressed data: neither a stuffed byte nor a restart. Without groups it is found 17 times as fast.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_END = 0xD9
_HUFFMAN = (0xC0, 0xC1, 0xC2)


def decoded(data: bytes) -> Array | None:
    """Grey (rows, columns) or RGB (rows, columns, 3) of a whole Huffman-coded JPEG of 8 bits; ``None`` for any other.

    The pixels are those that Pillow gives. libjpeg fills what is missing of a picture with grey and says nothing that
    would be heard here, so that only files with an end marker are taken.
    """
    import imagecodecs

    try:
        segments, _ = segments_of(data, Limits())
    except PixleanError:  # an operator may have allowed more than usual
        return None
    frames = [data[each.start : each.end] for each in segments if each.marker in _HUFFMAN]
    if len(frames) != 1 or frames[0][4] != 8 or frames[0][9] not in (1, 3) or not _is_ended(data, segments[-1].end):
        return None
    height, width = (int.from_bytes(frames[0][at : at + 2], "big") for at in (5, 7))
    if max(height, width) > jpegli.MOST_SIDE_PX:
        return None  # what reads such sides here meets encoders that don't take them, and end the process
    try:
        pixels = np.asarray(imagecodecs.jpeg8_decode(data))
    except (imagecodecs.Jpeg8Error, ValueError):  # whoever is asked next says what is wrong with it
        return None
    return pixels if pixels.dtype == np.uint8 and pixels.shape[:2] == (height, width) else None


def _is_ended(data: bytes, at: int) -> bool:
    """Whether an end marker follows the last scan, which begins at or behind ``at``."""
    while (found := _MARKER.search(data, at)) is not None:
        marker = data[found.end() - 1]
        if marker == _END:
            return True
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        at = found.end() + max(2, length)
    return False

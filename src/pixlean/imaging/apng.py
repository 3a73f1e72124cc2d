"""Writing APNGs with one palette for all frames, each of which holds only the part that changes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.pngfile import SIGNATURE, chunk

Delay = tuple[int, int]
"""How long a frame stands, as APNG tells it: so many parts of a second, so many parts in one."""

_KEEP, _REPLACE, _OVER = 0, 0, 1
# libdeflate's levels: 12 takes ten times longer than 9 for 3 % less.
_LEVEL, _LEVEL_OF_LONG, _LONG_PX = 12, 9, 12_000_000
_PALETTE = 3
_MOST = 65_535


@dataclass(frozen=True)
class Part:
    """What a frame draws: palette indices (rows, columns), uint8, and where.

    ``over`` where entries that are wholly transparent let the frame before show through.
    """

    indices: NDArray[np.uint8]
    top: int
    left: int
    over: bool


def delay_of(duration_ms: int) -> Delay:
    """The finest that two numbers of 16 bits can say: milliseconds up to a minute, a GIF's hundredths up to eleven."""
    per = next((per for per in (1000, 100, 10) if duration_ms * per <= 1000 * _MOST), 1)
    return min(_MOST, max(0, round(duration_ms * per / 1000))), per


def write(palette: NDArray[np.uint8], parts: Sequence[Part], delays: Sequence[Delay], *, plays: int) -> bytes:
    """An APNG of a palette (entries, 4), entries that are not opaque first; the first part is the whole picture."""
    bits = next(bits for bits in (1, 2, 4, 8) if len(palette) <= 1 << bits)
    rows, columns = parts[0].indices.shape
    seen = palette[:, 3][palette[:, 3] < 255]
    head = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, _PALETTE, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", len(parts), plays)),
        chunk(b"PLTE", palette[:, :3].tobytes()),
        *([chunk(b"tRNS", seen.tobytes())] if len(seen) else []),
    ]
    level = _LEVEL if sum(part.indices.size for part in parts) <= _LONG_PX else _LEVEL_OF_LONG
    body: list[bytes] = []
    number = 0
    for at, (part, (over, per)) in enumerate(zip(parts, delays, strict=True)):
        high, wide = part.indices.shape
        blend = _OVER if part.over else _REPLACE
        place = struct.pack(">IIIIIHHBB", number, wide, high, part.left, part.top, over, per, _KEEP, blend)
        body.append(chunk(b"fcTL", place))
        data = packed(part.indices, bits, level)
        number += 1
        if at == 0:
            body.append(chunk(b"IDAT", data))
        else:
            body.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join([SIGNATURE, *head, *body, chunk(b"IEND", b"")])


def packed(indices: NDArray[np.uint8], bits: int, level: int) -> bytes:
    """Rows of indices, unfiltered and deflated: filters only hide what palettes repeat."""
    import imagecodecs

    rows, columns = indices.shape
    lines: NDArray[np.uint8] = indices
    if bits < 8:
        levels = np.unpackbits(indices[..., None], axis=2)[..., 8 - bits :]
        lines = np.packbits(levels.reshape(rows, columns * bits), axis=1)
    filtered = np.pad(lines, ((0, 0), (1, 0)))
    return bytes(imagecodecs.deflate_encode(filtered.tobytes(), level=level, raw=False))

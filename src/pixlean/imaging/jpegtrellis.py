"""JPEG with rate-distortion optimal quantisation on jpegli's tables: our own small library (``native/``) does the sums.

Its coefficients become a plain sequential file, which jpegli then writes anew with optimal codes and scans. The
library is built for x86-64 and aarch64 and comes with the package; elsewhere, or where it fails its self-test,
``available`` says so and jpegli encodes alone.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.errors import EngineFailed
from pixlean.imaging import jpegli, ownlib
from pixlean.imaging.chroma import colour_planes
from pixlean.imaging.sharpyuv import available as sharp_available
from pixlean.imaging.sharpyuv import sharp_planes

# What an error of one quantisation step weighs against one bit. 14 and 28 are within 0.5 % of it.
_WEIGHT = 20.0
_BLOCK = 8
_LEAST_ROOM_BYTES = 65_536
_DECLARATIONS = """
typedef struct { const uint8_t *samples; const uint16_t *table; int wide, high, stride; } Plane;
typedef struct { const int16_t *values; int wide, high, across, down, table; } Component;
void pixlean_quantise(const Plane *, float weight, int16_t *values);
long pixlean_scan(const Component *, int number, const uint8_t *dht, uint8_t *out, long most);
"""


@dataclass(frozen=True)
class Quantised:
    """One component's coefficients (blocks, 64) in zigzag order, with its sampling factor and table."""

    values: NDArray[np.int16]
    wide: int
    high: int
    factor: int
    table: NDArray[np.uint16]


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any]:
    return ownlib.load("jpegtrellis", _DECLARATIONS)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether it works here: a small picture goes through it and comes back alike."""
    try:
        ramp = np.arange(64, dtype=np.uint8)
        picture = np.stack(np.broadcast_arrays(ramp[:, None] * 3, ramp[None, :] * 3, np.uint8(90)), axis=-1)
        encoded = encode(np.ascontiguousarray(picture), distance=1.0, subsampling="420", sharp=False, progressive=True)
        shown = np.asarray(Image.open(io.BytesIO(encoded))).astype(int)
        return bool(jpegli.available() and np.abs(shown - picture).mean() < 3)
    except Exception:  # no library for this machine, or another jpegli than expected
        return False


def encode(pixels: NDArray[np.uint8], *, distance: float, subsampling: str, sharp: bool, progressive: bool) -> bytes:
    """Encode grey (rows, columns) or RGB (rows, columns, 3) pixels, ``subsampling`` 420 or 444.

    ``distance`` is the one whose tables jpegli would take; ``sharp`` chroma goes with 420 and costs as much again.
    Raises ``EngineFailed``.
    """
    rows, columns = pixels.shape[:2]
    factor = 2 if pixels.ndim == 3 and subsampling == "420" else 1
    units = -(-columns // (_BLOCK * factor)), -(-rows // (_BLOCK * factor))
    tables = jpegli.tables(distance, subsampling)
    components = [
        _quantised(plane, table, units, factor if index == 0 else 1)
        for index, (plane, table) in enumerate(zip(_planes(pixels, factor, sharp=sharp), tables, strict=False))
    ]
    return jpegli.transcode(_file(components, rows, columns), progressive=progressive)


def _planes(pixels: NDArray[np.uint8], factor: int, *, sharp: bool) -> tuple[NDArray[np.uint8], ...]:
    if pixels.ndim == 2:
        return (pixels,)
    if factor == 2 and sharp and sharp_available():
        return sharp_planes(pixels)
    luma, *chroma = colour_planes(pixels)
    return (
        (luma, *(np.asarray(Image.fromarray(plane).reduce(factor)) for plane in chroma))
        if factor > 1
        else (luma, *chroma)
    )


def _quantised(plane: NDArray[np.uint8], table: NDArray[np.uint16], units: tuple[int, int], factor: int) -> Quantised:
    """A plane's coefficients; what its last blocks lack is its last row and column once more."""
    ffi, library = _library()
    wide, high = (size * factor for size in units)
    rows, columns = plane.shape
    missing = ((0, high * _BLOCK - rows), (0, wide * _BLOCK - columns))
    whole = np.ascontiguousarray(np.pad(plane, missing, mode="edge") if any(sum(missing, ())) else plane)
    values = np.empty((wide * high, 64), np.int16)
    given = ffi.new("Plane *")
    given.samples, given.table = ffi.from_buffer("uint8_t[]", whole), ffi.from_buffer("uint16_t[]", table)
    given.wide, given.high, given.stride = wide, high, wide * _BLOCK
    library.pixlean_quantise(given, _WEIGHT, ffi.from_buffer("int16_t[]", values))
    return Quantised(values, wide, high, factor, table)


def _file(components: list[Quantised], rows: int, columns: int) -> bytes:
    """A sequential JPEG with the codes of ITU-T T.81, Annex K.3."""
    deep = any(int(each.table.max()) > 255 for each in components)
    parts = [b"\xff\xd8"]
    for index, each in enumerate(components):
        kind = ">u2" if deep else "u1"
        parts.append(_segment(0xDB, bytes([16 * deep | index]) + each.table.astype(kind).tobytes()))
    frame = struct.pack(">BHHB", 8, rows, columns, len(components))
    frame += b"".join(bytes([i + 1, each.factor << 4 | each.factor, i]) for i, each in enumerate(components))
    parts.append(_segment(0xC1 if deep else 0xC0, frame))
    codes = _usual_codes()
    parts += [_segment(0xC4, bytes([place]) + lengths + symbols) for place, (lengths, symbols) in codes.items()]
    scan = b"".join(bytes([i + 1, 0x11 if i else 0]) for i in range(len(components)))
    parts += [_segment(0xDA, bytes([len(components)]) + scan + b"\0\x3f\0"), _scan(components), b"\xff\xd9"]
    return b"".join(parts)


def _scan(components: list[Quantised]) -> bytes:
    ffi, library = _library()
    tables = b"".join(lengths + symbols.ljust(256, b"\0") for lengths, symbols in _usual_codes().values())
    given = ffi.new("Component[]", len(components))
    for index, each in enumerate(components):
        given[index].values = ffi.from_buffer("int16_t[]", each.values)
        given[index].wide, given[index].high = each.wide, each.high
        given[index].across = given[index].down = each.factor
        given[index].table = int(index > 0)
    # No block takes more than 64 codes of 16 bits with 11 more, each byte perhaps stuffed.
    room = np.empty(_LEAST_ROOM_BYTES + sum(2 * 64 * 27 // 8 * len(each.values) for each in components), np.uint8)
    size = library.pixlean_scan(given, len(components), tables, ffi.from_buffer("uint8_t[]", room), len(room))
    if size < 0:
        raise EngineFailed("the JPEG's scan has no room")
    return room[:size].tobytes()


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


@lru_cache(maxsize=1)
def _usual_codes() -> dict[int, tuple[bytes, bytes]]:
    """The lengths and symbols of Annex K.3 by their place in a file: as any encoder writes that does not optimise."""
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG")
    found, data, at = {}, out.getvalue(), 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        place = at + 4
        while data[at + 1] == 0xC4 and place < end:
            lengths = data[place + 1 : place + 17]
            symbols = data[place + 17 : place + 17 + sum(lengths)]
            found[data[place]] = (lengths, symbols)
            place += 17 + len(symbols)
        at = end
    return {place: found[place] for place in (0x00, 0x10, 0x01, 0x11)}

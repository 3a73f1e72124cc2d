"""BMPs as another reader than the codec's shows them: channels by masks as Pillow reads them, all others by hand."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.bmpfields import has_fields
from pixlean.imaging.eyes import pillow_eyes
from pixlean.imaging.pixels import Array

_RLE8, _RLE4 = 1, 2
# Runs of more bytes than that have no second view: it would take seconds.
_MOST_RUN_BYTES = 4_000_000
_CORE_HEADER_BYTES = 12

_by_pillow = pillow_eyes("BMP")


def bmp_eyes(data: bytes) -> tuple[Array, ...] | None:
    """The picture; ``None`` where there is no second view."""
    if has_fields(data):
        return _by_pillow(data)
    try:
        return _read(data)
    except (ValueError, IndexError, struct.error):
        return None


def _read(data: bytes) -> tuple[Array, ...] | None:
    start, header = struct.unpack_from("<II", data, 10)
    core = header == _CORE_HEADER_BYTES
    columns, rows = struct.unpack_from("<HH" if core else "<ii", data, 18)
    bits = struct.unpack_from("<H", data, 24 if core else 28)[0]
    compression = 0 if core else struct.unpack_from("<I", data, 30)[0]
    upright = rows < 0
    rows = abs(rows)
    if compression in (_RLE8, _RLE4):
        if len(data) - start > _MOST_RUN_BYTES:
            return None
        values: Array = _unpacked(data[start:], rows, columns, nibbles=compression == _RLE4)
    elif compression == 0 and bits in (1, 4, 8, 16, 24, 32):
        values = _rows(data[start:], rows, columns, bits)
    else:
        return None
    if bits <= 8:
        entry = 3 if core else 4
        named = 0 if core else struct.unpack_from("<I", data, 46)[0]
        entries = np.frombuffer(data[14 + header : start], np.uint8)[: min(named or 256, 256) * entry]
        palette = np.zeros((256, 3), np.uint8)
        listed = entries[: len(entries) // entry * entry].reshape(-1, entry)
        palette[: len(listed)] = listed[:, 2::-1]
        values = palette[values]
    return (np.ascontiguousarray(values if upright else values[::-1]),)


def _rows(body: bytes, rows: int, columns: int, bits: int) -> Array:
    """Rows as they lie there, each filled up to four bytes: indices, or RGB."""
    stride = (columns * bits + 31) // 32 * 4
    raw = np.frombuffer(body, np.uint8)[: rows * stride]
    lines = np.pad(raw, (0, rows * stride - len(raw))).reshape(rows, stride)
    if bits < 8:
        each = np.unpackbits(lines, axis=1).reshape(rows, -1, bits)
        return np.packbits(each, axis=2, bitorder="big")[:, :columns, 0] >> (8 - bits)
    if bits == 8:
        return lines[:, :columns]
    if bits == 16:
        words = lines.view("<u2")[:, :columns]
        fives = np.stack([words >> 10, words >> 5, words], axis=2) & 31
        return (fives * 255 // 31).astype(np.uint8)
    return lines[:, : columns * bits // 8].reshape(rows, columns, bits // 8)[..., 2::-1]


def _unpacked(packed: bytes, rows: int, columns: int, *, nibbles: bool) -> NDArray[np.uint8]:
    """Windows' RLE8 and RLE4, bottom row first: (count, value), and (0, end of row | end | move | literals)."""
    out = np.zeros((rows, columns), np.uint8)
    at = row = column = 0
    while row < rows and at + 1 < len(packed):
        count, value = packed[at], packed[at + 1]
        at += 2
        if count:
            run = out[row, column : column + count]
            run[:] = _nibbles(bytes((value,)) * count)[: len(run)] if nibbles else value
            column += count
        elif value == 0:
            row, column = row + 1, 0
        elif value == 1:
            break
        elif value == 2:
            column, row, at = column + packed[at], row + packed[at + 1], at + 2
        else:
            size = (value + 1) // 2 if nibbles else value
            literal = packed[at : at + size]
            values = (_nibbles(literal) if nibbles else np.frombuffer(literal, np.uint8))[:value]
            run = out[row, column : column + value]
            run[: len(values)] = values[: len(run)]
            column += value
            at += size + (size & 1)
    return out


def _nibbles(packed: bytes) -> NDArray[np.uint8]:
    both = np.frombuffer(packed, np.uint8)
    return np.stack([both >> 4, both & 15], axis=1).reshape(-1)

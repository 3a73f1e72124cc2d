"""AVIF and HEIC files with more properties: crops and turns that no encoder of ours writes."""

from __future__ import annotations

import struct

Box = tuple[bytes, int, int]


def with_properties(data: bytes, properties: list[tuple[bytes, bytes]]) -> bytes:
    """The file with these essential properties, in this order, at its first item."""
    meta = next(box for box in _boxes(data, 0, len(data)) if box[0] == b"meta")
    children = _boxes(data, meta[1] + 12, meta[2])
    at = {kind: data[start:end] for kind, start, end in children}
    made = _properties(at[b"iprp"], properties)
    locations = _moved(at[b"iloc"], len(made) - len(at[b"iprp"]))
    swapped = {b"iprp": made, b"iloc": locations}
    body = b"".join(swapped.get(kind, data[start:end]) for kind, start, end in children)
    whole = struct.pack(">I", 12 + len(body)) + b"meta" + data[meta[1] + 8 : meta[1] + 12] + body
    return data[: meta[1]] + whole + data[meta[2] :]


def aperture(size: tuple[int, int], whole: tuple[int, int], left: int, top: int) -> tuple[bytes, bytes]:
    """A ``clap`` of this size whose first pixel is at (left, top)."""
    across, down = 2 * left + size[0] - whole[0], 2 * top + size[1] - whole[1]
    return b"clap", struct.pack(">IIIIiIiI", size[0], 1, size[1], 1, across, 2, down, 2)


def _boxes(data: bytes, start: int, end: int) -> list[Box]:
    found = []
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        found.append((data[start + 4 : start + 8], start, start + size))
        start += size
    return found


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _properties(iprp: bytes, properties: list[tuple[bytes, bytes]]) -> bytes:
    (_, first, middle), (_, second, end) = _boxes(iprp, 8, len(iprp))
    count = len(_boxes(iprp, first + 8, middle))
    owned = bytearray(iprp[second + 8 : end])
    had = owned[10]
    owned[10] = had + len(properties)
    owned[11 + had : 11 + had] = bytes(0x80 | count + 1 + number for number in range(len(properties)))
    more = b"".join(_box(kind, body) for kind, body in properties)
    return _box(b"iprp", _box(b"ipco", iprp[first + 8 : middle] + more) + _box(b"ipma", bytes(owned)))


def _moved(iloc: bytes, by: int) -> bytes:
    """The locations of items in files that grew in front of them (version 0 or 1)."""
    out, wide, base = bytearray(iloc), iloc[12] >> 4, iloc[13] >> 4
    at = 16
    for _ in range(int.from_bytes(iloc[14:16], "big")):
        at += 4 + (2 if iloc[8] else 0) + base
        extents = int.from_bytes(iloc[at : at + 2], "big")
        at += 2
        for _ in range(extents):
            out[at : at + wide] = (int.from_bytes(iloc[at : at + wide], "big") + by).to_bytes(wide, "big")
            at += wide + (iloc[12] & 15)
    return bytes(out)

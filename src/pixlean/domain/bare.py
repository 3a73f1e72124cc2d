"""A file without what tells of people and devices, taken apart by its blocks: not one pixel is decoded.

What is kept is listed, everything else goes: blocks that pixels, colours and motion are made of. Sources: ITU-T T.81
and T.871 (JPEG), W3C PNG 3rd edition, RFC 9649 (WebP), GIF89a.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import TypeAlias

# The same picture without metadata, as upright as before; ``None`` where that needs a decoder.
Bare: TypeAlias = Callable[[bytes], bytes | None]

_PNG_HEAD_BYTES = 8
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI",
    b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
_WEBP_METADATA_FLAGS = 0x08 | 0x04  # EXIF, XMP
_GIF_APPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_ORIENTATION = 0x0112
# Ends the compressed data of a scan: a marker that is neither a stuffed byte, a fill byte nor a restart.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE


def _or_none(write: Callable[[bytes], bytes | None]) -> Bare:
    """The same function where what is no such file has no bare form."""

    def bare(data: bytes) -> bytes | None:
        try:
            return write(data)
        except (struct.error, IndexError, ValueError):
            return None

    return bare


@_or_none
def bare_jpeg(data: bytes) -> bytes | None:
    """A JPEG with its profile, its orientation and nothing behind its end."""
    kept, orientation = [], 1
    for marker, segment in _segments(data):
        if marker == 0xE1 and segment[4:10] == b"Exif\0\0":
            orientation = _orientation(segment[10:])
        elif _stays(marker, segment):
            kept.append(segment)
    at = 2 if kept[1][1] == 0xE0 else 1  # a JFIF head comes first
    if orientation != 1:
        kept.insert(at, _exif(orientation))
    return b"".join(kept)


def _stays(marker: int, segment: bytes) -> bool:
    if marker == 0xE2:
        return segment[4:16] == b"ICC_PROFILE\0"
    if 0xE0 <= marker <= 0xEF:
        return segment[4:9] in (b"JFIF\0", b"Adobe")
    return marker != _COMMENT


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker with its bytes, a scan with its compressed data; nothing behind the end of the picture."""
    at = 0
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker")
        marker = data[at + 1]
        if marker in (_SOI, _EOI):
            yield marker, data[at : at + 2]
            at += 2
            if marker == _EOI:
                return
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            raise ValueError("a segment without its end")
        if marker == _SOS:
            following = _AFTER_SCAN.search(data, end)
            if following is None:
                raise ValueError("a scan without its end")
            end = following.start()
        yield marker, data[at:end]
        at = end


def _orientation(tiff: bytes) -> int:
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for index in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * index)
        if tag == _ORIENTATION and kind == 3:
            return value if 1 <= value <= 8 else 1
    return 1


def _exif(orientation: int) -> bytes:
    """An EXIF segment that says nothing else."""
    body = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


@_or_none
def bare_png(data: bytes) -> bytes | None:
    """A PNG or APNG; ``None`` where its metadata may turn it."""
    kept, at, name = [data[:_PNG_HEAD_BYTES]], _PNG_HEAD_BYTES, b""
    while name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data) or name == b"eXIf":  # which may turn the picture
            return None
        if name in _PNG_KEPT:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


@_or_none
def bare_webp(data: bytes) -> bytes | None:
    """A WebP, still or moving."""
    kept, at = [], 12
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        after = at + 8 + length + length % 2
        if at + 8 + length > end:
            return None
        chunk = data[at:after]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:]
        if name in _WEBP_KEPT:
            kept.append(chunk)
        at = after
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@_or_none
def bare_gif(data: bytes) -> bytes | None:
    """A GIF that plays as often as before."""
    at = 13 + _table_bytes(data[10])
    kept = [data[:at]]
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at = _after_blocks(data, at + 10 + _table_bytes(data[at + 9]) + 1)
            stays = True
        elif data[at] == 0x21:
            label = data[at + 1]
            at = _after_blocks(data, at + 2)
            stays = label == 0xF9 or (label == 0xFF and data[start + 3 : start + 14] in _GIF_APPS)
        else:
            return None
        if stays:
            kept.append(data[start:at])
    return b"".join([*kept, b";"])


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1

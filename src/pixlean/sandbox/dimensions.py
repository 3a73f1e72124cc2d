"""The sides of a picture by its header alone, without a codec: to compare with what a child says of it.

PNG (11.2.2), JPEG (T.81 B.2.2), WebP (RFC 9649); of other formats nothing is known here. (Not GIF: frames may be larger
than what its header says, and count.)
"""

from __future__ import annotations

import struct

# Frame headers of JPEG; C4, C8 and CC among them are other segments.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MOST_SEGMENTS = 10_000


def header_px(data: bytes) -> tuple[int, int] | None:
    """Width and height, or ``None`` where this can't tell."""
    try:
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            width, height = struct.unpack_from(">II", data, 16)
        elif data[:2] == b"\xff\xd8":
            return _jpeg_px(data)
        elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_px(data)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return width, height


def _jpeg_px(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(_MOST_SEGMENTS):
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return (width, height) if height else None  # else a DNL segment tells
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _webp_px(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None

"""The chunks of a WebP file, read and written; the format is RFC 9649's."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits

# Bits of a VP8X chunk's first byte.
ICC, ALPHA, EXIF, XMP, ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
_DISPOSED = 0x01  # bit of a frame's flags: its rectangle is cleared before the next frame


def chunks(data: bytes, limits: Limits | None) -> Iterator[tuple[bytes, bytes]]:
    """Names and bodies of a file's chunks; ``limits`` are ``None`` for a file that was probed within them.

    Raises ``BadImage`` where one is cut off, ``LimitExceeded`` for too many.
    """
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    at, count = 12, 0
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise BadImage("the WebP ends inside a chunk")
        count += 1
        if limits is not None:
            limits.check("max_chunks", count)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk's bytes."""
    return kind + struct.pack("<I", len(body)) + body + (b"\0" if len(body) & 1 else b"")


def riff(parts: list[bytes]) -> bytes:
    """A file of these chunks."""
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def said_to_have_alpha(data: bytes) -> bytes:
    """An animation whose header says that it has alpha; a still, which needs no such word, as it is.

    Encoders say so only where a frame's own rectangle has; where all have not, and do not fill the canvas, decoders
    show black or the background colour in place of nothing.
    """
    if data[12:16] != b"VP8X":  # what encoders make of frames that are all alike
        return data
    flags = 20
    return data[:flags] + bytes([data[flags] | ALPHA]) + data[flags + 1 :]


def as_shown(data: bytes) -> bytes:
    """A probed file that says of its alpha what browsers show, for decoders that believe its header."""
    extended = data[12:16] == b"VP8X"
    if not extended or not data[20] & ANIMATION or data[20] & ALPHA:
        return data
    canvas_px = _plus_one(data[24:27]), _plus_one(data[27:30])
    heads = [body[:16] for kind, body in chunks(data, None) if kind == b"ANMF" and len(body) >= 16]
    return said_to_have_alpha(data) if shows_through(canvas_px, heads) else data


def frame_area_px(head: bytes) -> int:
    """The area of an animation's frame, by its head."""
    return _plus_one(head[6:9]) * _plus_one(head[9:12])


def frame_duration_ms(head: bytes) -> int:
    """How long an animation's frame is shown, by its head."""
    return int.from_bytes(head[12:15], "little")


def shows_through(canvas_px: tuple[int, int], frames: list[bytes]) -> bool:
    """Whether some of an animation's canvas is empty at some time, by its frames' (ANMF chunks') heads.

    Browsers show nothing there, whatever the header says of alpha: neither its background colour nor black.
    """
    cleared = True
    for head in frames:
        covered = not any(head[:6]) and canvas_px == (_plus_one(head[6:9]), _plus_one(head[9:12]))
        if cleared and not covered:
            return True
        cleared = bool(head[15] & _DISPOSED)
    return False


def _plus_one(three: bytes) -> int:
    return int.from_bytes(three, "little") + 1

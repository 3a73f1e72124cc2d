"""Animated WebP files as an encoder would not write them: frames where they are told to be, a header that says less."""

from __future__ import annotations

import struct

from PIL import Image

from pictures import saved

DISPOSED = 0x01  # of a frame's flags: its rectangle is cleared before the next frame


def three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def frame(left: int, top: int, image: Image.Image, flags: int = 0) -> bytes:
    """A picture at an even place of the canvas, shown for a tenth of a second."""
    place = three(left // 2) + three(top // 2) + three(image.width - 1) + three(image.height - 1)
    return chunk(b"ANMF", place + three(100) + bytes([flags]) + saved(image, "WEBP", quality=90)[12:])


def webp(width: int, height: int, *frames: bytes) -> bytes:
    """An animation whose header says nothing of alpha, with white for a background colour."""
    head = chunk(b"VP8X", b"\2\0\0\0" + three(width - 1) + three(height - 1)) + chunk(b"ANIM", b"\xff\xff\xff\xff\0\0")
    body = b"WEBP" + head + b"".join(frames)
    return b"RIFF" + struct.pack("<I", len(body)) + body

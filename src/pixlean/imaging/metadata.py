"""The one policy for EXIF and its relatives: read the orientation, find private kinds, write the minimum."""

from __future__ import annotations

import io
import struct

from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo

ORIENTATION_TAG = 0x0112
_GPS_TAG, _EXIF_TAG = 0x8825, 0x8769


def exif_body(payload: bytes) -> bytes:
    """An EXIF payload without the ``Exif\\0\\0`` prefix that some containers carry."""
    return payload[6:] if payload[:4] == b"Exif" else payload


def read_exif(payload: bytes) -> tuple[int, frozenset[str]]:
    """Orientation (1-8) and the private kinds in an EXIF payload.

    A broken payload has orientation 1; loops cost nothing, since only IFD0 and IFD1 are looked at.
    """
    body = exif_body(payload)
    kinds = {"exif"}
    orientation = 1
    if body[:2] not in (b"II", b"MM") or len(body) < 14:
        return orientation, frozenset(kinds)
    order = "<" if body[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", body, 4)[0]
    if start + 2 > len(body):
        return orientation, frozenset(kinds)
    count = struct.unpack_from(order + "H", body, start)[0]
    for index in range(min(count, 1000)):
        at = start + 2 + 12 * index
        if at + 12 > len(body):
            break
        tag, kind, number = struct.unpack_from(order + "HHI", body, at)
        if tag == ORIENTATION_TAG and kind == 3 and number >= 1:
            value = struct.unpack_from(order + "H", body, at + 8)[0]
            orientation = value if 1 <= value <= 8 else 1
        elif tag == _GPS_TAG:
            kinds.add("gps")
    return orientation, frozenset(kinds)


def orientation_exif(orientation: int) -> bytes:
    """The smallest EXIF body that says nothing but the orientation (26 bytes, big-endian)."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION_TAG, 3, 1, orientation, 0, 0)


def is_only_orientation(payload: bytes) -> bool:
    """Whether an EXIF payload is one of ``orientation_exif``, perhaps padded with zeros: nothing private in it."""
    body = exif_body(payload).rstrip(b"\0")
    return any(body == orientation_exif(number).rstrip(b"\0") for number in range(1, 9))


def exif_to_carry(data: bytes, info: ImageInfo) -> bytes | None:
    """The source's EXIF with the orientation made normal, for a result whose pixels are turned; ``None`` without."""
    from PIL import Image

    if "exif" not in info.metadata:
        return None
    if info.format is Format.HEIC:
        import pillow_heif

        pillow_heif.register_heif_opener()
    try:
        exif = Image.open(io.BytesIO(data), formats=[_PILLOW_NAMES[info.format]]).getexif()
        if not exif:
            return None
        exif[ORIENTATION_TAG] = 1
        return exif.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # Pillow has many ways to dislike EXIF; a result without it is better than none
        return None


_PILLOW_NAMES = {
    Format.JPEG: "JPEG", Format.PNG: "PNG", Format.APNG: "PNG", Format.WEBP: "WEBP", Format.AVIF: "AVIF",
    Format.HEIC: "HEIF", Format.TIFF: "TIFF",
}  # fmt: skip

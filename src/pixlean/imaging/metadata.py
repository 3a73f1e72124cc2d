"""The one policy for EXIF and its relatives: read the orientation, find private kinds, write the minimum."""

from __future__ import annotations

import html
import io
import re
import struct
from collections.abc import Collection

from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.recipe import Keep

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


_COPYRIGHT_TAG, _ORIGINAL_TIME_TAGS, _POSITION_TAGS = 0x8298, (0x9003, 0x9004, 0x9011), range(7)
_XMP_RIGHTS = re.compile(rb"<dc:rights>.*?<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_XMP_CREATED = re.compile(rb"xmp:CreateDate(?:=\"|>)(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)")


def selected_exif(data: bytes, info: ImageInfo, keep: Collection[Keep], orientation: int) -> bytes | None:
    """An EXIF body with the orientation and, of the source's EXIF and XMP, what is to be kept; ``None`` where nothing.

    Copyright, the time of the original, and the GPS position (EXIF 2.32, tables 4, 8 and 15).
    """
    from PIL import Image

    if info.format not in _PILLOW_NAMES or not info.metadata:
        return None
    made = Image.Exif()
    try:
        image = Image.open(io.BytesIO(data), formats=[_PILLOW_NAMES[info.format]])
        exif, xmp = image.getexif(), image.info.get("xmp") or b""
        xmp = xmp if isinstance(xmp, bytes) else str(xmp).encode()
        if Keep.COPYRIGHT in keep:
            rights = _XMP_RIGHTS.search(xmp)
            said = exif.get(_COPYRIGHT_TAG) or (html.unescape(rights[1].decode("utf-8", "replace")) if rights else "")
            if said:
                made[_COPYRIGHT_TAG] = said
        if Keep.CREATION in keep:
            times = {tag: value for tag, value in exif.get_ifd(_EXIF_TAG).items() if tag in _ORIGINAL_TIME_TAGS}
            created = _XMP_CREATED.search(xmp)
            if not times and created:
                times = {_ORIGINAL_TIME_TAGS[0]: b":".join(created.groups()[:3]).decode() + f" {created[4].decode()}"}
            if times:
                made[_EXIF_TAG] = times
        if Keep.LOCATION in keep:
            position = {tag: value for tag, value in exif.get_ifd(_GPS_TAG).items() if tag in _POSITION_TAGS}
            if position:
                made[_GPS_TAG] = position
        if not len(made):
            return None
        made[ORIENTATION_TAG] = orientation
        return made.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # as above
        return None


_PILLOW_NAMES = {
    Format.JPEG: "JPEG", Format.PNG: "PNG", Format.APNG: "PNG", Format.WEBP: "WEBP", Format.AVIF: "AVIF",
    Format.HEIC: "HEIF", Format.TIFF: "TIFF",
}  # fmt: skip

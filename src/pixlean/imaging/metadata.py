"""The one policy for EXIF and its relatives: read the orientation, find private kinds, write the minimum."""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass, replace

from pixlean.domain.errors import BadImage, PixleanError
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Keep
from pixlean.imaging import tiffile
from pixlean.imaging.pixels import open_with_pillow
from pixlean.imaging.tiffile import Directory, Tag

ORIENTATION_TAG = 0x0112
_GPS_POINTER = 0x8825


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
        elif tag == _GPS_POINTER:
            kinds.add("gps")
    return orientation, frozenset(kinds)


def orientation_exif(orientation: int) -> bytes:
    """The smallest EXIF body that says nothing but the orientation (26 bytes, big-endian)."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION_TAG, 3, 1, orientation, 0, 0)


def is_only_orientation(payload: bytes) -> bool:
    """Whether an EXIF payload is one of ``orientation_exif``, perhaps padded with zeros: nothing private in it."""
    body = exif_body(payload).rstrip(b"\0")
    return any(body == orientation_exif(number).rstrip(b"\0") for number in range(1, 9))


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a file says beside its picture, as bytes: nothing is decoded that might be written again.

    ``exif`` is a body without prefix (a TIFF structure), ``iptc`` the records of IIM.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""


NOTHING = Metadata()


def metadata_by_pillow(data: bytes, pillow_format: str) -> Metadata:
    """EXIF, XMP and IPTC of a file, by one named Pillow plug-in; nothing where it can't be read."""
    try:
        image = open_with_pillow(data, pillow_format)
    except BadImage:
        return NOTHING
    exif, xmp, resources = (image.info.get(name) or b"" for name in ("exif", "xmp", "photoshop"))
    iptc = resources.get(_IPTC_RESOURCE, b"") if isinstance(resources, dict) else b""
    return Metadata(
        exif=exif_body(exif) if isinstance(exif, bytes) else b"",
        xmp=xmp if isinstance(xmp, bytes) else str(xmp).encode(),
        iptc=iptc if isinstance(iptc, bytes) else b"",
    )


def exif_to_carry(metadata: Metadata) -> bytes | None:
    """The EXIF with the orientation made normal, for a result whose pixels are turned; without its thumbnail."""
    first = _directory(metadata.exif)
    return None if first is None or not first.tags else _body(first.with_numbers(ORIENTATION_TAG, (1,), kind=3))


_IPTC_RESOURCE = 0x0404
_GPS_TAG, _EXIF_TAG, _COPYRIGHT_TAG = 0x8825, 0x8769, 0x8298
_ORIGINAL_TIME_TAGS, _POSITION_TAGS = (0x9003, 0x9004, 0x9011), range(7)
_XMP_RIGHTS = re.compile(rb"<dc:rights>.*?<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
_XMP_CREATED = re.compile(rb"xmp:CreateDate(?:=\"|>)(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)")
_ASCII_KIND = 2


def selected_exif(metadata: Metadata, keep: Collection[Keep], orientation: int) -> bytes | None:
    """An EXIF body with the orientation and, of the metadata, what is to be kept; ``None`` where there is none of it.

    Copyright, the time of the original, and the GPS position (EXIF 2.32, tables 4, 8 and 15; IPTC IIM 4, 2:116). Texts
    travel byte by byte, in whatever encoding they have.
    """
    source = _directory(metadata.exif) or Directory("<", {})
    tags: dict[int, Tag] = {}
    if Keep.COPYRIGHT in keep:
        said = source.tags.get(_COPYRIGHT_TAG) or _text_tag(_COPYRIGHT_TAG, _copyright_of(metadata))
        tags |= {_COPYRIGHT_TAG: said} if said else {}
    if Keep.CREATION in keep:
        times = _part(source, _EXIF_TAG, _ORIGINAL_TIME_TAGS)
        created = _XMP_CREATED.search(metadata.xmp)
        if not times and created:
            text = b":".join(created.groups()[:3]) + b" " + created[4]
            times = {_ORIGINAL_TIME_TAGS[0]: Tag(_ORIGINAL_TIME_TAGS[0], _ASCII_KIND, len(text) + 1, text + b"\0")}
        tags |= _nested(_EXIF_TAG, times, source.order)
    if Keep.LOCATION in keep:
        tags |= _nested(_GPS_TAG, _part(source, _GPS_TAG, _POSITION_TAGS), source.order)
    if not tags:
        return None
    return _body(Directory(source.order, tags).with_numbers(ORIENTATION_TAG, (orientation,), kind=3))


def _directory(exif: bytes) -> Directory | None:
    """The first directory of an EXIF body, or ``None`` where it does not hold."""
    if exif[:2] not in (b"II", b"MM"):
        return None
    try:
        return replace(tiffile.read(exif.ljust(16, b"\0"), Limits())[0], blocks=())
    except (PixleanError, struct.error):
        return None


def _body(directory: Directory) -> bytes:
    return tiffile.write((directory,))


def _part(source: Directory, pointer: int, numbers: Collection[int]) -> dict[int, Tag]:
    entry = source.tags.get(pointer)
    below = entry.nested[0].tags if entry is not None and entry.nested else {}
    return {number: tag for number, tag in below.items() if number in numbers}


def _nested(pointer: int, tags: dict[int, Tag], order: str) -> dict[int, Tag]:
    return {pointer: Tag(pointer, 4, 1, bytes(4), (Directory(order, tags),))} if tags else {}


def _text_tag(number: int, text: bytes) -> Tag | None:
    return Tag(number, _ASCII_KIND, len(text) + 1, text + b"\0") if text else None


def _copyright_of(metadata: Metadata) -> bytes:
    """The rights that XMP or, where it has none, IPTC tells."""
    rights = _XMP_RIGHTS.search(metadata.xmp)
    if rights:
        return html.unescape(rights[1].decode("utf-8", "replace")).encode()
    at = metadata.iptc.find(b"\x1c\x02\x74")
    return metadata.iptc[at + 5 : at + 5 + int.from_bytes(metadata.iptc[at + 3 : at + 5], "big")] if at >= 0 else b""


def text_directory(page: Directory) -> Directory:
    """Of a TIFF's own directory what an EXIF body may say too: texts and times, EXIF, GPS; nothing of its pixels."""
    texts = {270, 271, 272, 305, 306, 315, 316, 33432, 34665, 34853}
    return Directory(page.order, {number: tag for number, tag in page.tags.items() if number in texts})

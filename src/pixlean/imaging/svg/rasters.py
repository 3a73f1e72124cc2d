"""Pictures embedded in drawings, without what is private in them."""

from __future__ import annotations

from pixlean.domain.errors import PixleanError
from pixlean.domain.limits import Limits
from pixlean.imaging import isobmff, jpegfile, pngfile
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif

_PNG_KEPT = pngfile.PICTURE | pngfile.COLOUR | pngfile.LAYOUT | {b"iCCP", b"sBIT", b"bKGD"}
# VP8X's flags for EXIF and XMP (RFC 9649, 2.7.1).
_WEBP_PRIVATE_FLAGS = 0x0C


def without_private(data: bytes) -> bytes:
    """The picture without EXIF, XMP, IPTC, texts and trailers; its orientation, profile and pixels stay as they are.

    JPEG, PNG, WebP, AVIF and HEIC; anything else, and what is broken, comes back unchanged.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(pngfile.SIGNATURE):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[4:8] == b"ftyp":
            return isobmff.strip(data)
    except PixleanError:
        pass  # viewers may still show something of it
    return data


def _jpeg(data: bytes) -> bytes:
    """Only the first picture; what follows it is a preview, a gain map or a clip, which drawings don't show."""
    segments, _ = jpegfile.segments_of(data, Limits())
    out = bytearray(data[:2])
    for segment in segments:
        payload = jpegfile.payload_of(data, segment)
        whole = data[segment.start : segment.end]
        if segment.marker == 0xE1 and payload.startswith(jpegfile.EXIF) and not is_only_orientation(payload):
            orientation, _ = read_exif(payload)
            if orientation != 1:
                body = jpegfile.EXIF + orientation_exif(orientation)
                out += b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
        elif not jpegfile.kinds_of(segment.marker, payload) and not payload.startswith(jpegfile.MPF):
            out += whole
        elif segment.marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 14:
            out += b"\xff\xe0\0\x10" + payload[:12] + b"\0\0"
    return bytes(out + data[segments[-1].end : jpegfile.pictures_of(data)[0][1]])


def _png(data: bytes) -> bytes:
    out = bytearray(pngfile.SIGNATURE)
    for kind, body in pngfile.chunks_of(data, Limits()):
        if kind in _PNG_KEPT:
            out += pngfile.chunk(kind, body)
        elif kind == b"eXIf" and read_exif(body)[0] != 1:
            out += pngfile.chunk(kind, orientation_exif(read_exif(body)[0]))
    return bytes(out)


def _webp(data: bytes) -> bytes:
    """Browsers take no notice of an orientation in a WebP's EXIF, so all of it goes."""
    out, at, end = bytearray(), 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        following = at + 8 + size + (size & 1)
        if kind == b"VP8X" and size >= 10:
            out += data[at : at + 8] + bytes((data[at + 8] & ~_WEBP_PRIVATE_FLAGS,)) + data[at + 9 : following]
        elif kind not in (b"EXIF", b"XMP "):
            out += data[at:following]
        at = following
    return b"RIFF" + (4 + len(out)).to_bytes(4, "little") + b"WEBP" + bytes(out)

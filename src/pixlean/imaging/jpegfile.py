"""The segments of a JPEG file: read, selected, blanked; no pixel is touched here."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Source
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif

FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
EXIF, _XMP, _XMP_MORE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _PHOTOSHOP, MPF = b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"MPF\0"
GAIN_MAP = re.compile(rb"hdrgm:|HDRGainMap|urn:iso:std:iso:ts:21496")
_XMP_GPS = re.compile(rb'(exif:GPS\w*)="[^"]*"|<(exif:GPS\w*)>[^<]*</(exif:GPS\w*)>')
# What XMP says of a motion clip behind the picture (Google's Motion Photo 1.0, and Micro Video before it).
_XMP_MOTION = (
    rb'\s\w+:(?:MotionPhoto|MicroVideo)\w*="[^"]*"|<(\w+:(?:MotionPhoto|MicroVideo)\w*)>[^<]*</\w+:\w+>'
    rb'|<rdf:li\b(?:(?!</rdf:li>).)*?Item:Semantic="MotionPhoto".*?</rdf:li>'
)
_XMP_PRIVATE = re.compile(_XMP_GPS.pattern + rb"|" + _XMP_MOTION, re.DOTALL)
# libjpeg's luminance table at quality 50, in zigzag-free order; its sum gives the scale of a file's own table.
_BASE_LUMA_SUM = 3689


@dataclass(frozen=True)
class Segment:
    """A marker segment: from its marker at ``start`` to ``end``."""

    marker: int
    start: int
    end: int


def segments_of(data: bytes, limits: Limits) -> tuple[list[Segment], int]:
    """All marker segments up to the first scan, the number of scans, and a check that the file is whole."""
    found: list[Segment] = []
    at, size = 2, len(data)
    while at + 4 <= size:
        if data[at] != 0xFF:
            raise BadImage("the JPEG has bytes where a marker must stand")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):
            at += 2
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > size:
            raise BadImage("the JPEG ends inside a segment")
        found.append(Segment(marker, at, at + 2 + length))
        limits.check("max_chunks", len(found))
        if marker == 0xDA:
            return found, _count_scans(data, at, limits)
        at += 2 + length
    raise BadImage("the JPEG has no picture data")


def _count_scans(data: bytes, at: int, limits: Limits) -> int:
    scans = 0
    while at >= 0:
        scans += 1
        limits.check("max_jpeg_scans", scans)
        at = data.find(b"\xff\xda", at + 2)
    return scans


def payload_of(data: bytes, segment: Segment) -> bytes:
    """What a segment holds."""
    return data[segment.start + 4 : segment.end]


def icc_of(data: bytes, segments: list[Segment]) -> bytes | None:
    """The colour profile, put together from its parts."""
    parts: dict[int, bytes] = {}
    for segment in segments:
        payload = payload_of(data, segment)
        if segment.marker == 0xE2 and payload.startswith(_ICC) and len(payload) > 14:
            parts.setdefault(payload[12], payload[14:])
    return b"".join(parts[number] for number in sorted(parts)) or None


def quality_of(data: bytes, segments: list[Segment]) -> int | None:
    """The libjpeg quality whose luminance table is nearest to the file's first one (inverts jpeg_quality_scaling)."""
    for segment in segments:
        payload = payload_of(data, segment)
        if segment.marker != 0xDB or not payload or payload[0] & 15:
            continue
        wide = payload[0] >> 4
        values = np.frombuffer(payload[1 : 1 + (128 if wide else 64)], ">u2" if wide else np.uint8)
        scale = 100.0 * float(values.sum()) / _BASE_LUMA_SUM
        quality = 100 - scale / 2 if scale <= 100 else 5000 / scale
        return int(min(100, max(1, round(quality))))
    return None


def kinds_of(marker: int, payload: bytes) -> set[str]:
    """The private kinds in one segment; JFIF, ICC, Adobe and MPF carry none."""
    if not payload.strip(b"\0"):
        return set()
    if marker == 0xFE:
        return {"comment"}
    if not 0xE1 <= marker <= 0xEF:
        return {"thumbnail"} if marker == 0xE0 and (payload[:5] == b"JFXX\0" or payload[12:14] > b"\0\0") else set()
    if marker == 0xE1 and payload.startswith(EXIF):
        return set() if is_only_orientation(payload) else set(read_exif(payload)[1])
    if marker == 0xE1 and payload.startswith((_XMP, _XMP_MORE)):
        gps = {"gps"} if _XMP_GPS.search(payload) else set[str]()
        # XMP that describes a gain map is part of the picture: only its GPS fields are private.
        return gps if GAIN_MAP.search(payload) else gps | {"xmp"}
    if marker == 0xED:
        return {"iptc"}
    if (marker == 0xE2 and payload.startswith((_ICC, MPF))) or (marker == 0xEE and payload.startswith(b"Adobe")):
        return set()
    return {"text"}


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A JPEG with this EXIF body in place of its own."""
    segments, _ = segments_of(data, Limits())
    out = bytearray(data[:2]) + _segment(0xE1, EXIF + exif)
    for segment in segments:
        if not (segment.marker == 0xE1 and payload_of(data, segment).startswith(EXIF)):
            out += data[segment.start : segment.end]
    return bytes(out) + data[segments[-1].end :]


def resegmented(encoded: bytes, source: Source, recipe: Recipe) -> bytes:
    """The picture data of ``encoded`` behind the segments of the source that must travel with it."""
    limits = Limits()
    own, _ = segments_of(encoded, limits)
    core = [segment for segment in own if not (0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE)]
    adobe = [
        encoded[segment.start : segment.end]
        for segment in own
        if segment.marker == 0xEE and payload_of(encoded, segment).startswith(b"Adobe")
    ]
    out = bytearray(b"\xff\xd8")
    out += b"".join(adobe or jfif_of(source.data))
    out += travelling(source, recipe)
    own_file = encoded is source.data
    end = _end_of_picture(encoded, core[-1].end) if own_file else encoded.rfind(b"\xff\xd9")
    for segment in core:
        out += encoded[segment.start : segment.end]
    # What the kept metadata points to stays as well; its offsets count from the end.
    return bytes(out + encoded[core[-1].end : end] + b"\xff\xd9") + (
        b"" if recipe.strip_metadata else trailer_of(source.data)
    )


def jfif_of(data: bytes) -> list[bytes]:
    """The JFIF segment, which has the density, without the thumbnail that it may hold."""
    segments, _ = segments_of(data, Limits(max_jpeg_scans=1_000_000))
    return [
        _without_thumbnail(data[segment.start : segment.end])
        for segment in segments
        if segment.marker == 0xE0 and payload_of(data, segment).startswith(b"JFIF\0")
    ][:1]


def density_of(data: bytes, segments: list[Segment]) -> tuple[float, float] | None:
    """Dots per inch across and down, by the JFIF segment; ``None`` where it only tells the pixels' proportions."""
    for segment in segments:
        payload = payload_of(data, segment)
        if segment.marker == 0xE0 and payload.startswith(b"JFIF\0") and len(payload) >= 12:
            across, down = struct.unpack_from(">HH", payload, 8)
            scale = {1: 1.0, 2: 2.54}.get(payload[7])
            return (across * scale, down * scale) if scale and across and down else None
    return None


def with_density(data: bytes, dpi: tuple[float, float]) -> bytes:
    """A JPEG with a JFIF segment that says its dots per inch, in place of its own."""
    segments, _ = segments_of(data, Limits())
    across, down = (max(1, min(65_535, round(value))) for value in dpi)
    out = bytearray(data[:2]) + _segment(0xE0, b"JFIF\0\1\1\1" + struct.pack(">HHBB", across, down, 0, 0))
    for segment in segments:
        if not (segment.marker == 0xE0 and payload_of(data, segment).startswith(b"JFIF\0")):
            out += data[segment.start : segment.end]
    return bytes(out) + data[segments[-1].end :]


def _without_thumbnail(segment: bytes) -> bytes:
    """A JFIF APP0 without the thumbnail it may hold; any other segment as it is."""
    if segment[4:9] == b"JFIF\0" and len(segment) >= 18:
        return segment[:2] + b"\0\x10" + segment[4:16] + b"\0\0"
    return segment


def travelling(source: Source, recipe: Recipe) -> bytes:
    """The segments that go with new picture data: profile and orientation, or everything that may stay."""
    data, info = source.data, source.info
    out = bytearray()
    if recipe.strip_metadata:
        if info.orientation != 1:
            out += _segment(0xE1, EXIF + orientation_exif(info.orientation))
        profile = icc_to_keep(info.icc, strip_metadata=True)
        if profile:
            size = 65519
            parts = [profile[at : at + size] for at in range(0, len(profile), size)]
            for number, part in enumerate(parts, 1):
                out += _segment(0xE2, _ICC + bytes((number, len(parts))) + part)
        return bytes(out)
    for segment in segments_of(data, Limits())[0]:
        payload = payload_of(data, segment)
        if segment.marker == 0xFE or (0xE1 <= segment.marker <= 0xEF and not payload.startswith((b"Adobe", MPF))):
            out += data[segment.start : segment.end]
    return bytes(out)


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def _end_of_picture(data: bytes, at: int) -> int:
    """Where the EOI of the first picture stands; what trails it (motion clips, junk) is not picture."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] == 0xD9:
            return at
        at += 1


def pictures_of(data: bytes) -> list[tuple[int, int]]:
    """Where the pictures of a file begin and end that follow each other, as gain maps and previews do."""
    found: list[tuple[int, int]] = []
    at = 0
    while data[at : at + 3] == b"\xff\xd8\xff":
        try:
            segments, _ = segments_of(data[at:], Limits(max_jpeg_scans=1_000_000))
        except BadImage:
            break
        end = min(len(data), _end_of_picture(data, at + segments[-1].end) + 2)
        found.append((at, end))
        following = data.find(b"\xff\xd8\xff", end)
        at = following if following >= 0 and not data[end:following].strip(b"\0") else end
    return found


def trailer_of(data: bytes) -> bytes:
    """What follows the last picture: motion clips and makers' blocks, whose offsets count from the end of the file."""
    pictures = pictures_of(data)
    return data[pictures[-1][1] :] if pictures else b""


def mpf_kinds(payload: bytes) -> tuple[int, ...]:
    """The types of the pictures in a Multi-Picture Format index (CIPA DC-007, 5.2.3.3), the primary's too."""
    body = payload[4:]
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if order is None or len(body) < 10:
        return ()
    try:
        start = struct.unpack_from(order + "I", body, 4)[0]
        for index in range(min(struct.unpack_from(order + "H", body, start)[0], 100)):
            tag, _, size, at = struct.unpack_from(order + "HHII", body, start + 2 + 12 * index)
            if tag == _MP_ENTRIES:
                return tuple(
                    struct.unpack_from(order + "I", body, at + 16 * number)[0] & 0xFFFFFF
                    for number in range(min(size // 16, 100))
                )
    except struct.error:
        return ()
    return ()


_MP_ENTRIES, _MP_PRIMARY, _MP_PREVIEWS, _MP_UNDEFINED = 0xB002, 0x030000, (0x010001, 0x010002), 0


def holds_more_than_previews(data: bytes, payload: bytes) -> bool:
    """Whether the pictures of an index are part of what is shown: views, disparities, gain maps."""
    others = [kind for kind in mpf_kinds(payload) if kind not in (_MP_PRIMARY, *_MP_PREVIEWS)]
    if not others:
        return not mpf_kinds(payload)  # an index that can't be read is left alone
    if any(kind != _MP_UNDEFINED for kind in others):
        return True
    return any(GAIN_MAP.search(data[start : start + 65_536]) for start, _ in pictures_of(data)[1:])


def blanked_in_place(data: bytes) -> bytes:
    """Blank private segments without moving a byte, so that the offsets of gain maps stay true; cut off what trails.

    EXIF becomes the orientation and zeros, comments and IPTC become zeros, XMP loses its GPS fields and what it says of
    a motion clip and, unless it describes the gain map, everything.
    """
    pictures = pictures_of(data)
    out = bytearray(data[: pictures[-1][1]] if pictures else data)
    at = 0
    while at >= 0:
        _blank_one_picture(out, at)
        at = data.find(b"\xff\xd8\xff", at + 2, len(out))
    return bytes(out)


def _blank_one_picture(out: bytearray, start: int) -> None:
    try:
        segments, _ = segments_of(bytes(out[start:]), Limits(max_jpeg_scans=1_000_000))
    except BadImage:
        return
    for segment in segments:
        first, last = start + segment.start + 4, start + segment.end
        payload = bytes(out[first:last])
        kinds = kinds_of(segment.marker, payload)
        if not kinds or (segment.marker == 0xE2 and GAIN_MAP.search(payload)):
            continue
        if payload.startswith(EXIF):
            body = orientation_exif(read_exif(payload)[0])
            blank = (EXIF + body).ljust(len(payload), b"\0")[: len(payload)]
        elif payload.startswith((_XMP, _XMP_MORE)) and GAIN_MAP.search(payload):
            blank = _XMP_PRIVATE.sub(lambda found: b" " * len(found.group(0)), payload)
        else:
            blank = b"\0" * len(payload)
        out[first:last] = blank

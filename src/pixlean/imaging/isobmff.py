"""The box structure that AVIF and HEIC share: read it, and blank private items without moving a byte."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.imaging.boxes import Box, boxes
from pixlean.imaging.metadata import read_exif
from pixlean.imaging.sequence import probe_sequence

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"dinf"}
# Colour that an 8-bit sRGB encode keeps: BT.709 or unspecified primaries with an SDR transfer (ISO/IEC 23091-2).
_PLAIN_PRIMARIES, _PLAIN_TRANSFERS = {1, 2}, {1, 2, 6, 13}


@dataclass
class _Items:
    """What the ``meta`` box says of its items, by item id."""

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    kind_at: dict[int, int] = field(default_factory=dict)
    media: dict[int, bytes] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    used: dict[int, list[int]] = field(default_factory=dict)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)


def _read_meta(data: bytes, meta: Box, limits: Limits) -> _Items:
    items = _Items()
    for box in boxes(data, meta.start + 4, meta.end, limits):
        body = data[box.start : box.end]
        if box.kind == b"pitm":
            items.primary = int.from_bytes(body[4:6] if body[0] == 0 else body[4:8], "big")
        elif box.kind == b"iinf":
            _read_item_infos(data, box, items, limits)
        elif box.kind == b"iloc":
            _read_locations(body, items, limits)
        elif box.kind == b"iref":
            _read_references(data, box, items, limits)
        elif box.kind == b"iprp":
            _read_properties(data, box, items, limits)
        elif box.kind == b"idat":
            pass
    return items


def _read_item_infos(data: bytes, box: Box, items: _Items, limits: Limits) -> None:
    skip = 6 if data[box.start] == 0 else 8
    for info in boxes(data, box.start + skip, box.end, limits):
        version = data[info.start]
        if info.kind != b"infe" or version < 2:
            continue
        wide = 2 if version == 2 else 4
        item = int.from_bytes(data[info.start + 4 : info.start + 4 + wide], "big")
        at = info.start + 6 + wide
        items.kinds[item], items.kind_at[item] = data[at : at + 4], at
        items.media[item] = data[at + 4 : info.end]
        limits.check("max_box_items", len(items.kinds))


def _read_locations(body: bytes, items: _Items, limits: Limits) -> None:
    version, sizes = body[0], int.from_bytes(body[4:6], "big")
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    at = 6
    count, at = int.from_bytes(body[at : at + wide], "big"), at + wide
    limits.check("max_box_items", min(count, 1 << 30))
    total = 0
    for _ in range(count):
        item, at = int.from_bytes(body[at : at + wide], "big"), at + wide
        method = 0
        if version in (1, 2):
            method, at = body[at + 1] & 15 if at + 1 < len(body) else 0, at + 2
        base = int.from_bytes(body[at + 2 : at + 2 + base_bytes], "big")
        at += 2 + base_bytes
        extents, at = int.from_bytes(body[at : at + 2], "big"), at + 2
        total += extents
        limits.check("max_chunks", total)
        for _ in range(extents):
            at += index_bytes
            offset = int.from_bytes(body[at : at + offset_bytes], "big")
            length = int.from_bytes(body[at + offset_bytes : at + offset_bytes + length_bytes], "big")
            at += offset_bytes + length_bytes
            if at > len(body):
                raise BadImage("the item locations end early")
            if method == 0:
                items.extents.setdefault(item, []).append((base + offset, length))


def _read_references(data: bytes, box: Box, items: _Items, limits: Limits) -> None:
    wide = 2 if data[box.start] == 0 else 4
    for reference in boxes(data, box.start + 4, box.end, limits):
        body = data[reference.start : reference.end]
        source, count = int.from_bytes(body[:wide], "big"), int.from_bytes(body[wide : wide + 2], "big")
        first = wide + 2
        targets = tuple(
            int.from_bytes(body[at : at + wide], "big")
            for at in range(first, min(len(body), first + count * wide), wide)
        )
        items.references.append((reference.kind, source, targets))


def _read_properties(data: bytes, box: Box, items: _Items, limits: Limits) -> None:
    for part in boxes(data, box.start, box.end, limits):
        if part.kind == b"ipco":
            items.properties = [
                (entry.kind, data[entry.start : entry.end]) for entry in boxes(data, part.start, part.end, limits)
            ]
        elif part.kind == b"ipma":
            body = data[part.start : part.end]
            wide, big = (2 if body[0] == 0 else 4), bool(body[3] & 1)
            at = 8
            for _ in range(min(int.from_bytes(body[4:8], "big"), 10_000)):
                item = int.from_bytes(body[at : at + wide], "big")
                number, at = (body[at + wide] if at + wide < len(body) else 0), at + wide + 1
                step = 2 if big else 1
                mask = 0x7FFF if big else 0x7F
                items.used[item] = [
                    int.from_bytes(body[at + step * n : at + step * n + step], "big") & mask for n in range(number)
                ]
                at += step * number


def _properties_of(items: _Items, item: int) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for index in items.used.get(item, []):
        if 0 < index <= len(items.properties):
            kind, body = items.properties[index - 1]
            found.setdefault(kind, []).append(body)
    return found


def _top(data: bytes, limits: Limits) -> dict[bytes, Box]:
    found: dict[bytes, Box] = {}
    for box in boxes(data, 0, len(data), limits):
        found.setdefault(box.kind, box)
    return found


def probe(data: bytes, limits: Limits, file_format: Format, *, shows_aperture: bool) -> ImageInfo:
    """What the boxes say about the primary picture or the sequence.

    ``shows_aperture`` where the format's decoder shows the clean aperture of ``clap`` and nothing beside it; else only
    one that begins at the first pixel counts, as in browsers.
    """
    try:
        top = _top(data, limits)
        if b"meta" not in top:
            if b"moov" in top:
                return probe_sequence(
                    data, top[b"moov"], limits, ImageInfo(format=file_format, width_px=1, height_px=1, mode="RGB")
                )
            raise BadImage("the file has no picture description")
        items = _read_meta(data, top[b"meta"], limits)
        info = _probe_primary(data, items, limits, file_format, shows_aperture=shows_aperture)
        if b"moov" in top and data[8:12] in (b"avis", b"msf1", b"hevc", b"hevx"):
            return probe_sequence(data, top[b"moov"], limits, info)
        return info
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise BadImage("the file's boxes are not valid") from error


def _is_alpha(body: bytes) -> bool:
    """Whether an auxiliary picture is an alpha plane, by MIAF's name for it or HEVC's (ISO/IEC 23008-12, 10.1.2)."""
    return b"auxid:1\0" in body + b"\0" or b"alpha" in body


def _clean_aperture(body: bytes, width: int, height: int) -> tuple[int, int]:
    """The sides that a ``clap`` box leaves (ISO/IEC 14496-12, 12.1.4), where it makes sense."""
    over_width, under_width, over_height, under_height = struct.unpack_from(">IIII", body)
    if not under_width or not under_height:
        return width, height
    sides = over_width // under_width, over_height // under_height
    return sides if 0 < sides[0] <= width and 0 < sides[1] <= height else (width, height)


def _is_at_origin(body: bytes, width: int, height: int) -> bool:
    """Whether an aperture begins at the picture's first pixel: the only one that every browser shows."""
    over_width, under_width, over_height, under_height, *offsets = struct.unpack_from(">IIIIiIiI", body)
    if not under_width or not under_height or not offsets[1] or not offsets[3]:
        return False
    left = offsets[0] / offsets[1] + (width - over_width / under_width) / 2
    top = offsets[2] / offsets[3] + (height - over_height / under_height) / 2
    return left == 0 and top == 0


def _probe_primary(
    data: bytes, items: _Items, limits: Limits, file_format: Format, *, shows_aperture: bool
) -> ImageInfo:
    if _in_circle(items):
        raise BadImage("the file's pictures are made of each other")
    owned = _properties_of(items, items.primary)
    if items.primary not in items.kinds or b"ispe" not in owned:
        raise BadImage("the file has no primary picture")
    width, height = struct.unpack_from(">II", owned[b"ispe"][0], 4)
    if not width or not height:
        raise BadImage("the picture is empty")
    depth = _depth_of(owned, items)
    limits.check_picture(width, height, bytes_per_pixel=4 if depth == 8 else 8)
    untouchable: set[str] = set()
    if b"clap" in owned:
        # A decoder that shows the aperture gives the encoder just that; what lies outside is padding or hidden anyway.
        if not shows_aperture:
            untouchable.add("crop")
        if shows_aperture or _is_at_origin(owned[b"clap"][0], width, height):
            width, height = _clean_aperture(owned[b"clap"][0], width, height)
    untouchable |= _companions(items)
    icc, cicp = _colour_of(owned)
    limits.check("max_icc_bytes", len(icc or b""))
    if cicp is not None and (cicp[0] not in _PLAIN_PRIMARIES or cicp[1] not in _PLAIN_TRANSFERS):
        untouchable.add("cicp")
    turned, orientation = _turn_of(owned)
    kinds: set[str] = set()
    for item in _private_items(items):
        payload = _item_bytes(data, items, item, limits)
        if not payload.strip(b"\0"):
            continue
        if items.kinds[item] == b"Exif":
            kinds |= read_exif(payload[4 + int.from_bytes(payload[:4], "big") :] if len(payload) > 8 else b"")[1]
        else:
            kinds |= {"xmp", "gps"} if b"exif:GPS" in payload else {"xmp"}
    alpha = any(kind == b"auxC" and _is_alpha(body) for kind, body in items.properties)
    mono = any(body[4:5] == b"\x01" for body in owned.get(b"pixi", []))
    return ImageInfo(
        format=file_format,
        width_px=width,
        height_px=height,
        mode=("L" if mono else "RGB") + ("A" if alpha else ""),
        bit_depth=depth,
        orientation=orientation if turned else 1,
        has_alpha=alpha,
        icc=icc,
        metadata=frozenset(kinds),
        untouchable=frozenset(untouchable),
        cicp=cicp,
    )


def _companions(items: _Items) -> set[str]:
    """Pictures beside the primary one that no encoder here writes: depth and gain maps, several masters."""
    others = any(kind == b"auxC" and not _is_alpha(body) for kind, body in items.properties)
    mapped = b"tmap" in items.kinds.values() or any(kind == b"prem" for kind, _, _ in items.references)
    return ({"auxiliary"} if others or mapped else set()) | ({"collection"} if len(_masters(items)) > 1 else set())


def _in_circle(items: _Items) -> bool:
    """Whether a derived picture is, over any number of steps, made of itself."""
    parts = {source: targets for kind, source, targets in items.references if kind == b"dimg"}
    done: set[int] = set()

    def circles(item: int, above: frozenset[int]) -> bool:
        if item in above or len(above) > 16:
            return True
        if item in done:
            return False
        found = any(circles(part, above | {item}) for part in parts.get(item, ()))
        done.add(item)
        return found

    return any(circles(item, frozenset()) for item in parts)


def _depth_of(owned: dict[bytes, list[bytes]], items: _Items) -> int:
    for body in owned.get(b"pixi", []):
        if len(body) > 5:
            return max(body[5:])
    for kind, body in items.properties:
        if kind == b"av1C" and len(body) > 2:
            return 12 if body[2] & 0x20 else 10 if body[2] & 0x40 else 8
        if kind == b"hvcC" and len(body) > 17:
            return 8 + (body[17] & 7)
    return 8


def _masters(items: _Items) -> list[int]:
    """Picture items that are shown by themselves: no tiles, thumbnails or auxiliaries."""
    hidden: set[int] = set()
    for kind, source, targets in items.references:
        if kind == b"dimg":
            hidden |= set(targets)
        elif kind in (b"thmb", b"auxl"):
            hidden.add(source)
    pictures = {b"av01", b"hvc1", b"grid", b"iovl", b"iden", b"unci", b"jpeg", b"avc1"}
    return [item for item, kind in items.kinds.items() if kind in pictures and item not in hidden]


def _colour_of(owned: dict[bytes, list[bytes]]) -> tuple[bytes | None, tuple[int, int] | None]:
    """The profile, or the code points of primaries and transfer curve where there is no profile."""
    icc, cicp = None, None
    for body in owned.get(b"colr", []):
        if body[:4] in (b"prof", b"rICC"):
            icc = body[4:]
        elif body[:4] == b"nclx" and len(body) >= 10:
            cicp = struct.unpack_from(">HH", body, 4)
    return icc, cicp if icc is None else None


def _turn_of(owned: dict[bytes, list[bytes]]) -> tuple[bool, int]:
    """The EXIF number of ``irot`` followed by ``imir``, or 1."""
    angle = owned[b"irot"][0][0] & 3 if b"irot" in owned else 0
    mirror = owned[b"imir"][0][0] & 1 if b"imir" in owned else None
    table = {
        (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
        (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
        (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
    }  # fmt: skip
    number = table[(angle, mirror)]
    return number != 1, number


def _private_items(items: _Items) -> list[int]:
    return [
        item
        for item, kind in items.kinds.items()
        if kind == b"Exif" or (kind == b"mime" and b"hdrgm" not in items.media.get(item, b""))
    ]


def _item_bytes(data: bytes, items: _Items, item: int, limits: Limits) -> bytes:
    extents = items.extents.get(item, [])
    limits.check("max_text_bytes", sum(length for _, length in extents))
    return b"".join(data[offset : offset + length] for offset, length in extents)


def strip(data: bytes) -> bytes:
    """The file with EXIF and XMP items, ``udta`` and ``uuid`` boxes blanked; no offset changes."""
    limits = Limits()
    out = bytearray(data)
    for box in boxes(data, 0, len(data), limits):
        if box.kind == b"uuid":
            _blank_box(out, box)
        elif box.kind == b"meta":
            _strip_meta(data, box, out, limits)
        elif box.kind == b"moov":
            _strip_movie(data, box, out, limits, 0)
    return bytes(out)


def _strip_meta(data: bytes, meta: Box, out: bytearray, limits: Limits) -> None:
    items = _read_meta(data, meta, limits)
    for item in _private_items(items):
        at = items.kind_at[item]
        out[at : at + 4] = b"skip"
        for offset, length in items.extents.get(item, []):
            last = min(offset + length, len(out))
            out[offset:last] = b"\0" * max(0, last - offset)


def _strip_movie(data: bytes, box: Box, out: bytearray, limits: Limits, depth: int) -> None:
    limits.check("max_box_depth", depth)
    for inner in boxes(data, box.start, box.end, limits):
        if inner.kind in (b"udta", b"uuid"):
            _blank_box(out, inner)
        elif inner.kind == b"meta":
            _strip_meta(data, inner, out, limits)
        elif inner.kind in _CONTAINERS:
            _strip_movie(data, inner, out, limits, depth + 1)


def _blank_box(out: bytearray, box: Box) -> None:
    at = box.start - (16 if out[box.start - 12 : box.start - 8] == box.kind else 8)
    out[at + 4 : at + 8] = b"free"
    out[box.start : box.end] = b"\0" * (box.end - box.start)

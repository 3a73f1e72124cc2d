"""The chunks of a PNG file: read, checked, selected; no pixel is touched here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from pixlean.domain.errors import BadImage
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Source
from pixlean.imaging.metadata import orientation_exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
TEXT = {b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"tIME": "text"}
COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi"}
PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}
LAYOUT = {b"pHYs"}


def chunks_of(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """All chunks as (type, body), up to IEND; empty IDATs do not count against the limit of chunks."""
    at, count = 8, 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise BadImage(f"the PNG ends inside its {kind!r} chunk")
        if kind not in (b"IDAT", b"fdAT"):
            count += 1
            limits.check("max_chunks", count)
        yield kind, data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length
    raise BadImage("the PNG has no end")


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _inflate(body: bytes, limit_bytes: int, limits: Limits, name: str) -> bytes:
    try:
        inflater = zlib.decompressobj()
        out = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise BadImage("the PNG has a compressed chunk that does not inflate") from error
    limits.check(name, len(out))
    return out


def read_head(body: bytes, limits: Limits) -> tuple[int, ...]:
    """Width, height, bit depth, colour type and interlacing of an IHDR. Raises ``BadImage`` and ``LimitExceeded``."""
    if len(body) != 13:
        raise BadImage("the PNG's header has the wrong length")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
    if not width or not height or depth not in _DEPTHS.get(colour, ()) or body[10] or body[11] or interlace > 1:
        raise BadImage("the PNG's header is not valid")
    limits.check_picture(width, height, bytes_per_pixel=max(1, CHANNELS[colour] * depth // 8))
    return width, height, depth, colour, interlace


def read_icc(body: bytes, limits: Limits) -> bytes | None:
    """The profile of an iCCP, or ``None`` where it is broken."""
    name_end = body.find(b"\0")
    if name_end < 0 or len(body) < name_end + 3:
        return None
    try:
        return _inflate(body[name_end + 2 :], limits.max_icc_bytes, limits, "max_icc_bytes")
    except BadImage:
        return None


def selected_chunks(data: bytes, info: ImageInfo, recipe: Recipe) -> bytes:
    """The PNG with the chunks that must travel: picture and colour always, the rest unless stripped.

    Where a profile outranked gAMA and cHRM and goes, they go with it: they would count then. Colours that are told
    behind the pixels, where they do not count, would count once a packer has moved them.
    """
    out = bytearray(SIGNATURE)
    profile = icc_to_keep(info.icc, strip_metadata=recipe.strip_metadata)
    outranked = not profile and info.icc is not None
    has_pixels = False
    for kind, body in chunks_of(data, Limits()):
        has_pixels |= kind == b"IDAT"
        if (outranked and kind in (b"gAMA", b"cHRM")) or (has_pixels and kind in COLOUR | {b"iCCP"}):
            continue
        if kind in PICTURE | COLOUR | LAYOUT or (kind == b"sBIT"):
            out += chunk(kind, body)
        elif kind == b"iCCP":
            if profile:
                out += chunk(kind, body)
        elif not recipe.strip_metadata and kind != b"hIST":
            out += chunk(kind, body)
        if kind == b"IHDR" and recipe.strip_metadata and info.orientation != 1:
            out += chunk(b"eXIf", orientation_exif(info.orientation))
    return bytes(out)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A PNG with this EXIF body in place of its own."""
    chunks = [chunk(kind, body) for kind, body in chunks_of(data, Limits()) if kind != b"eXIf"]
    return SIGNATURE + chunks[0] + chunk(b"eXIf", exif) + b"".join(chunks[1:])


def density_of(body: bytes) -> tuple[float, float] | None:
    """Dots per inch of a pHYs chunk; ``None`` where it only tells the pixels' proportions."""
    if len(body) != 9 or body[8] != 1:
        return None
    across, down = struct.unpack_from(">II", body)
    return (across * _METRES_AN_INCH, down * _METRES_AN_INCH) if across and down else None


_METRES_AN_INCH = 0.0254


def with_density(data: bytes, dpi: tuple[float, float] | None) -> bytes:
    """A PNG that says these dots per inch, and nothing of the kind without."""
    chunks = [(kind, body) for kind, body in chunks_of(data, Limits()) if kind != b"pHYs"]
    if dpi is not None:
        per_metre = (max(1, min((1 << 31) - 1, round(value / _METRES_AN_INCH))) for value in dpi)
        chunks.insert(1, (b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in chunks)


def with_colour_of(source: Source, made: bytes, recipe: Recipe) -> bytes:
    """Picture chunks of ``made`` with the colour, and where kept the metadata, of the source."""
    out = bytearray(SIGNATURE)
    travelling = [
        chunk(kind, body)
        for kind, body in chunks_of(selected_chunks(source.data, source.info, recipe), Limits())
        if kind not in PICTURE and kind != b"sBIT" and kind not in (b"bKGD", b"sPLT")
    ]
    for kind, body in chunks_of(made, Limits()):
        if kind in PICTURE:
            out += chunk(kind, body)
        if kind == b"IHDR":
            out += b"".join(travelling)
    return bytes(out)

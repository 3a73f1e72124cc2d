"""The one table of formats: names, media types, extensions and how to tell them by their first bytes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal

from pixlean.domain.bare import Bare, bare_gif, bare_jpeg, bare_png, bare_webp


class Format(StrEnum):
    """A picture format that pixlean reads and writes."""

    PNG = "png"
    APNG = "apng"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"
    SVG = "svg"
    SVGZ = "svgz"
    AVIF = "avif"
    HEIC = "heic"
    TIFF = "tiff"
    BMP = "bmp"
    JXL = "jxl"
    SGI = "sgi"
    RAW = "raw"


Bytes = bytes | memoryview


class Audience(IntEnum):
    """How many viewers show a format: what `auto` may send to whom."""

    FEW = 1
    MODERN = 2
    MOST = 3
    ALL = 4


@dataclass(frozen=True, kw_only=True)
class FormatRow:
    """What is known of a format without decoding it.

    ``told_by`` tells it by the first 32 bytes and the whole file, ``bare`` takes its metadata away without decoding.
    ``audience`` is set where ``auto`` may choose it,
    ``output`` where it may be asked for by name. ``only_read`` formats are converted and nothing else, ``vector`` ones
    are drawings. ``still`` is what it is called with one frame, where that is another format; ``becomes`` what its
    pixels are written as once they are edited, where it is not written itself. ``tool`` is a program that encoding it
    may run.
    """

    media_type: str
    extensions: tuple[str, ...]
    told_by: Callable[[bytes, Bytes], bool]
    audience: Audience | None = None
    output: bool = False
    only_read: bool = False
    vector: bool = False
    still: Format | None = None
    becomes: Format | None = None
    tool: str = ""
    bare: Bare | None = None


_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Fujifilm, Panasonic, Olympus (three), Sigma, Minolta: what follows the first bytes is not TIFF.
_RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM")
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_SVG_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")
_HTML_ROOT = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_TEXT_HEAD_BYTES = 65536


def detect(data: Bytes) -> Format | None:
    """Name the format of ``data`` by its magic bytes, or ``None``.

    Only the head is read, except for PNG, whose chunk list tells PNG from APNG. File names and
    declared media types never count.
    """
    head = bytes(data[:32])
    return next((name for name, row in FORMATS.items() if row.told_by(head, data)), None)


def still_of(name: Format) -> Format:
    """What a format is called where one frame of it is meant: PNG for APNG, else itself."""
    return FORMATS[name].still or name


def _is_png(head: bytes, data: Bytes) -> bool:
    return head.startswith(_PNG_MAGIC) and not _has_actl(data)


def _is_apng(head: bytes, data: Bytes) -> bool:
    return head.startswith(_PNG_MAGIC) and _has_actl(data)


def _is_jpeg(head: bytes, _data: Bytes) -> bool:
    return head.startswith(b"\xff\xd8\xff")


def _is_webp(head: bytes, _data: Bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _is_gif(head: bytes, _data: Bytes) -> bool:
    return head[:6] in (b"GIF87a", b"GIF89a")


def _is_tiff(head: bytes, data: Bytes) -> bool:
    return head[:4] in _TIFF_MAGIC and not _is_raw(head, data)


def _is_bmp(head: bytes, data: Bytes) -> bool:
    return head[:2] == b"BM" and len(data) >= 26 and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def _is_jxl(head: bytes, _data: Bytes) -> bool:
    return head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"))


def _is_sgi(head: bytes, _data: Bytes) -> bool:
    return head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2")


def _is_raw(head: bytes, data: Bytes) -> bool:
    if head.startswith(_RAW_MAGIC) or head[4:12] == b"ftypcrx ":
        return True
    return head[:4] in _TIFF_MAGIC and (head[8:10] == b"CR" or _has_sensor(data))


def _is_avif(head: bytes, data: Bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] != b"crx " and bool(_brands(data) & _AVIF_BRANDS)


def _is_heic(head: bytes, data: Bytes) -> bool:
    brands = _brands(data) if head[4:8] == b"ftyp" and head[8:12] != b"crx " else set()
    return bool(brands & _HEIC_BRANDS) and not brands & _AVIF_BRANDS


def _is_svg(head: bytes, data: Bytes) -> bool:
    return _holds_svg(head, bytes(data[:_TEXT_HEAD_BYTES]))


def _is_svgz(head: bytes, data: Bytes) -> bool:
    if not head.startswith(b"\x1f\x8b\x08"):
        return False
    try:
        text = zlib.decompressobj(31).decompress(bytes(data[:_TEXT_HEAD_BYTES]), _TEXT_HEAD_BYTES)
    except zlib.error:
        # The magic says gzip, and nothing but SVGZ is gzip here: let the codec say what is wrong.
        return len(data) > 18 and bytes(data[:4]) != b"\x1f\x8b\x08\xff"
    return _holds_svg(text[:32], text)


def _has_actl(data: Bytes) -> bool:
    """Whether a PNG has an ``acTL`` chunk before its first ``IDAT`` (the APNG rule)."""
    at = 8
    for _ in range(10_000):
        if at + 8 > len(data):
            return False
        kind = bytes(data[at + 4 : at + 8])
        if kind == b"acTL":
            return True
        if kind in (b"IDAT", b"IEND"):
            return False
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def _has_sensor(data: Bytes) -> bool:
    """Whether a TIFF is a camera's: a DNG, or a small preview first and the sensor's picture below it."""
    order: Literal["little", "big"] = "little" if bytes(data[:2]) == b"II" else "big"
    at = int.from_bytes(data[4:8], order)
    count = int.from_bytes(data[at : at + 2], order)
    tags = {}
    for number in range(min(count, 200)):
        entry = bytes(data[at + 2 + 12 * number : at + 14 + 12 * number])
        if len(entry) < 12:
            return False
        short = entry[2:4] in (b"\3\0", b"\0\3")
        tags[int.from_bytes(entry[:2], order)] = int.from_bytes(entry[8 : 10 if short else 12], order)
    maker, below, preview, dng = 271 in tags, 330 in tags, tags.get(254) == 1, 50706 in tags
    return dng or (maker and below and preview) or (maker and tags.get(259) == 65535)


def _brands(data: Bytes) -> set[bytes]:
    size = min(int.from_bytes(data[:4], "big"), len(data), 4096)
    return {bytes(data[8:12])} | {bytes(data[at : at + 4]) for at in range(16, size - 3, 4)}


def _holds_svg(head: bytes, text: bytes) -> bool:
    """Whether the first element of a text that may have a byte order mark is SVG's root."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = text.decode("utf-16", "ignore").encode()
    elif head[:4].count(0) in (2, 3) and b"<" in head[:4]:
        return False
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<":
        return False
    root = _SVG_ROOT.search(text)
    return root is not None and not _HTML_ROOT.search(text[: root.start()])


# In the order in which people read them, and in which their bytes are asked.
FORMATS: dict[Format, FormatRow] = {
    Format.PNG: FormatRow(
        media_type="image/png", extensions=(".png",), told_by=_is_png, audience=Audience.ALL, output=True,
        bare=bare_png,
    ),
    Format.APNG: FormatRow(
        media_type="image/apng", extensions=(".apng", ".png"), told_by=_is_apng, still=Format.PNG,
        bare=bare_png,
    ),
    Format.JPEG: FormatRow(
        media_type="image/jpeg", extensions=(".jpg", ".jpeg", ".jpe", ".jfif"), told_by=_is_jpeg,
        audience=Audience.ALL, output=True, bare=bare_jpeg,
    ),
    Format.WEBP: FormatRow(
        media_type="image/webp", extensions=(".webp",), told_by=_is_webp, audience=Audience.MOST, output=True,
        bare=bare_webp,
    ),
    Format.GIF: FormatRow(
        media_type="image/gif", extensions=(".gif",), told_by=_is_gif, output=True, tool="gifsicle",
        bare=bare_gif,
    ),
    Format.SVG: FormatRow(
        media_type="image/svg+xml", extensions=(".svg",), told_by=_is_svg, vector=True, becomes=Format.PNG
    ),
    Format.SVGZ: FormatRow(
        media_type="image/svg+xml", extensions=(".svgz",), told_by=_is_svgz, vector=True, becomes=Format.PNG
    ),
    Format.AVIF: FormatRow(
        media_type="image/avif", extensions=(".avif",), told_by=_is_avif, audience=Audience.MODERN, output=True
    ),
    Format.HEIC: FormatRow(
        media_type="image/heic", extensions=(".heic", ".heif", ".hif"), told_by=_is_heic, output=True
    ),
    Format.TIFF: FormatRow(media_type="image/tiff", extensions=(".tiff", ".tif"), told_by=_is_tiff, output=True),
    Format.BMP: FormatRow(media_type="image/bmp", extensions=(".bmp", ".dib"), told_by=_is_bmp, output=True),
    Format.JXL: FormatRow(
        media_type="image/jxl", extensions=(".jxl",), told_by=_is_jxl, audience=Audience.FEW, output=True
    ),
    Format.SGI: FormatRow(
        media_type="image/sgi", extensions=(".rgb", ".sgi", ".bw", ".rgba"), told_by=_is_sgi, only_read=True,
        becomes=Format.PNG,
    ),
    Format.RAW: FormatRow(
        media_type="image/x-dcraw",
        extensions=(".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".raw"),
        told_by=_is_raw, only_read=True, becomes=Format.JPEG,
    ),
}  # fmt: skip

"""The one table of formats: names, media types, extensions and how to tell them by their first bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


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


@dataclass(frozen=True, kw_only=True)
class FormatRow:
    """What the outside world calls a format; ``only_read`` where it is taken to be converted and nothing else."""

    media_type: str
    extensions: tuple[str, ...]
    only_read: bool = False


FORMATS: dict[Format, FormatRow] = {
    Format.PNG: FormatRow(media_type="image/png", extensions=(".png",)),
    Format.APNG: FormatRow(media_type="image/apng", extensions=(".apng", ".png")),
    Format.JPEG: FormatRow(media_type="image/jpeg", extensions=(".jpg", ".jpeg", ".jpe", ".jfif")),
    Format.WEBP: FormatRow(media_type="image/webp", extensions=(".webp",)),
    Format.GIF: FormatRow(media_type="image/gif", extensions=(".gif",)),
    Format.SVG: FormatRow(media_type="image/svg+xml", extensions=(".svg",)),
    Format.SVGZ: FormatRow(media_type="image/svg+xml", extensions=(".svgz",)),
    Format.AVIF: FormatRow(media_type="image/avif", extensions=(".avif",)),
    Format.HEIC: FormatRow(media_type="image/heic", extensions=(".heic", ".heif", ".hif")),
    Format.TIFF: FormatRow(media_type="image/tiff", extensions=(".tiff", ".tif")),
    Format.BMP: FormatRow(media_type="image/bmp", extensions=(".bmp", ".dib")),
    Format.JXL: FormatRow(media_type="image/jxl", extensions=(".jxl",)),
    Format.SGI: FormatRow(media_type="image/sgi", extensions=(".rgb", ".sgi", ".bw", ".rgba"), only_read=True),
    Format.RAW: FormatRow(
        media_type="image/x-dcraw",
        only_read=True,
        extensions=(".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".raw"),
    ),
}

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Fujifilm, Panasonic, Olympus (three), Sigma, Minolta: what follows the first bytes is not TIFF.
_RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM")
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_SVG_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?svg[\s>/]")
_HTML_ROOT = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_TEXT_HEAD_BYTES = 65536


def detect(data: bytes | memoryview) -> Format | None:
    """Name the format of ``data`` by its magic bytes, or ``None``.

    Only the head is read, except for PNG, whose chunk list tells PNG from APNG. File names and
    declared media types never count.
    """
    head = bytes(data[:32])
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.APNG if _has_actl(data) else Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return Format.GIF
    if head.startswith(_RAW_MAGIC) or head[8:10] == b"CR" or head[4:12] == b"ftypcrx ":
        return Format.RAW
    if head[:4] in _TIFF_MAGIC:
        return Format.RAW if _is_raw(data) else Format.TIFF
    if head[:2] == b"\x01\xda" and head[2:3] in (b"\0", b"\1") and head[3:4] in (b"\1", b"\2"):
        return Format.SGI
    if head[:2] == b"BM" and len(data) >= 26:
        return _detect_bmp(head)
    if head.startswith(b"\xff\x0a") or head.startswith(b"\0\0\0\x0cJXL \r\n\x87\n"):
        return Format.JXL
    if head[4:8] == b"ftyp":
        return _detect_isobmff(data)
    if head.startswith(b"\x1f\x8b\x08"):
        return Format.SVGZ if _gzip_holds_svg(data) else None
    return _detect_text(bytes(data[:_TEXT_HEAD_BYTES]))


def _has_actl(data: bytes | memoryview) -> bool:
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


def _is_raw(data: bytes | memoryview) -> bool:
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


def _detect_bmp(head: bytes) -> Format | None:
    header_bytes = int.from_bytes(head[14:18], "little")
    return Format.BMP if header_bytes in (12, 16, 40, 52, 56, 64, 108, 124) else None


def _detect_isobmff(data: bytes | memoryview) -> Format | None:
    size = min(int.from_bytes(data[:4], "big"), len(data), 4096)
    brands = {bytes(data[8:12])} | {bytes(data[at : at + 4]) for at in range(16, size - 3, 4)}
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    return Format.HEIC if brands & _HEIC_BRANDS else None


def _gzip_holds_svg(data: bytes | memoryview) -> bool:
    import zlib

    try:
        text = zlib.decompressobj(31).decompress(bytes(data[:_TEXT_HEAD_BYTES]), _TEXT_HEAD_BYTES)
    except zlib.error:
        # The magic says gzip, and nothing but SVGZ is gzip here: let the codec say what is wrong.
        return len(data) > 18 and bytes(data[:4]) != b"\x1f\x8b\x08\xff"
    return _detect_text(text) is Format.SVG


def _detect_text(head: bytes) -> Format | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "ignore").encode()
    elif head[:4].count(0) in (2, 3) and b"<" in head[:4]:
        return None
    root = _SVG_ROOT.search(head)
    if not root or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"<":
        return None
    return None if _HTML_ROOT.search(head[: root.start()]) else Format.SVG

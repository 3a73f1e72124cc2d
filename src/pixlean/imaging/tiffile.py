"""TIFF directories as values: read every IFD with its tags, write them back with other strips.

Byte-exact for whatever it does not understand: tags are carried as raw bytes, nested directories (EXIF, GPS,
SubIFDs) are read and written recursively, so nothing that points by offset is lost.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits
from pixlean.imaging.pixels import Array

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NESTED = {330, 34665, 34853, 40965}
_OVERLAP_BYTES = 64 << 20  # wrong counts are common; reading them stays bounded
STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS = 273, 279, 324, 325


@dataclass(frozen=True)
class Tag:
    """One directory entry: ``kind`` is the TIFF type, ``raw`` its value in the file's byte order."""

    number: int
    kind: int
    count: int
    raw: bytes
    nested: tuple[Directory, ...] = ()


_FAXES = (2, 3, 4, 32771)
PALETTE = 3


@dataclass(frozen=True)
class Directory:
    """One IFD: its tags by number, and the bytes of its strips or tiles."""

    order: str
    tags: dict[int, Tag]
    blocks: tuple[bytes, ...] = ()

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The integer values of a tag."""
        entry = self.tags.get(tag)
        if entry is None:
            return default
        code = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 7: "B"}.get(entry.kind)
        if code is None:
            return default
        return struct.unpack(f"{self.order}{entry.count}{code}", entry.raw)

    def number(self, tag: int, default: int) -> int:
        """The first integer value of a tag."""
        found = self.numbers(tag)
        return found[0] if found else default

    @property
    def photometric(self) -> int:
        """What the samples mean; where no tag says so, what libtiff takes them for: ink for faxes, colours, or grey.

        A palette that is not there is none of samples of whole bytes: these are grey or colours then.
        """
        plain = 2 if self.number(277, 1) >= 3 else 1
        told = self.number(262, 0 if self.number(259, 1) in _FAXES else plain)
        return plain if told == PALETTE and not self.has_palette and self.number(258, 1) >= 8 else told

    @property
    def has_palette(self) -> bool:
        """Whether there is a palette that can be looked into."""
        colours = self.numbers(320)
        return bool(colours) and len(colours) % 3 == 0

    def with_numbers(self, tag: int, values: tuple[int, ...], *, kind: int = 4) -> Directory:
        """The directory with a tag set to integers (type 3 is 16 bit, 4 is 32 bit)."""
        code = {3: "H", 4: "I"}[kind]
        entry = Tag(tag, kind, len(values), struct.pack(f"{self.order}{len(values)}{code}", *values))
        return replace(self, tags={**self.tags, tag: entry})

    def without(self, *tags: int) -> Directory:
        """The directory without some tags."""
        return replace(self, tags={number: entry for number, entry in self.tags.items() if number not in tags})


@dataclass(frozen=True)
class _Layout:
    """How a directory is laid out: codes of its entry count, of value counts and offsets, and the bytes of an entry."""

    entries: str
    offset: str
    entry_bytes: int
    inline_bytes: int
    first_at: int


_CLASSIC = _Layout("H", "I", 12, 4, 4)
_BIG = _Layout("Q", "Q", 20, 8, 8)  # BigTIFF, version 43
# What BigTIFF adds, and what it is called in a classic file, which is all that is written.
_LONG_KINDS = {16: 4, 17: 9, 18: 13}


def _layout_of(data: bytes) -> _Layout:
    return _BIG if data[2:4] in (b"+\0", b"\0+") else _CLASSIC


def read(data: bytes, limits: Limits) -> tuple[Directory, ...]:
    """All pages, of a classic TIFF or a BigTIFF. Raises ``BadImage`` on a structure that does not hold."""
    order = "<" if data[:2] == b"II" else ">"
    layout = _layout_of(data)
    if len(data) < 16:
        raise BadImage("the TIFF has no header")
    at = struct.unpack_from(order + layout.offset, data, layout.first_at)[0]
    pages: list[Directory] = []
    seen: set[int] = set()
    while at:
        if at in seen:
            break  # a circle: readers stop at the first page they know
        seen.add(at)
        limits.check("max_pages", len(seen))
        page, at = _read_directory(data, at, order, limits, 0, seen)
        pages.append(page)
    if not pages:
        raise BadImage("the TIFF has no page")
    return tuple(pages)


def _read_directory(
    data: bytes, at: int, order: str, limits: Limits, depth: int, seen: set[int]
) -> tuple[Directory, int]:
    layout = _layout_of(data)
    head_bytes = struct.calcsize(layout.entries)
    if at + head_bytes > len(data):
        raise BadImage("the TIFF ends before its directory")
    count = struct.unpack_from(order + layout.entries, data, at)[0]
    after = at + head_bytes + layout.entry_bytes * count
    if not count or after > len(data):
        raise BadImage("the TIFF ends inside its directory")
    limits.check("max_chunks", count)
    tags: dict[int, Tag] = {}
    for entry in range(at + head_bytes, after, layout.entry_bytes):
        tag = _read_tag(data, entry, order, layout)
        if tag is None:
            continue
        if tag.number in _NESTED and tag.kind in (4, 13) and depth < 4 and tag.count <= 16:
            tag = replace(tag, nested=_read_nested(data, tag, order, limits, depth, seen))
        tags.setdefault(tag.number, tag)  # of two, libtiff takes the first
    size = struct.calcsize(layout.offset)
    following = struct.unpack_from(order + layout.offset, data, after)[0] if after + size <= len(data) else 0
    return _with_blocks(data, Directory(order, tags)), following


def _read_tag(data: bytes, entry: int, order: str, layout: _Layout) -> Tag | None:
    """One entry with its value; ``None`` where there is none, or it lies outside the file."""
    number, kind, values = struct.unpack_from(f"{order}HH{layout.offset}", data, entry)
    size = _SIZES.get(kind, 0) * values
    if not size:
        return None
    at = entry + layout.entry_bytes - layout.inline_bytes
    start = at if size <= layout.inline_bytes else struct.unpack_from(order + layout.offset, data, at)[0]
    if start + size > len(data):
        if number in (STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS, 256, 257, 258):
            raise BadImage("the TIFF ends inside a tag")
        return None
    raw = data[start : start + size]
    if kind in _LONG_KINDS:
        wide = struct.unpack(f"{order}{values}{'q' if kind == 17 else 'Q'}", raw)
        if max(map(abs, wide)) >= 1 << 31:
            raise BadImage("the TIFF has values that no classic TIFF holds")
        kind = _LONG_KINDS[kind]
        raw = struct.pack(f"{order}{values}{'i' if kind == 9 else 'I'}", *wide)
    return Tag(number, kind, values, raw, ())


def _read_nested(
    data: bytes, tag: Tag, order: str, limits: Limits, depth: int, seen: set[int]
) -> tuple[Directory, ...]:
    found = []
    for offset in struct.unpack(f"{order}{tag.count}I", tag.raw):
        if offset in seen:
            continue
        seen.add(offset)
        limits.check("max_pages", len(seen))
        try:
            found.append(_read_directory(data, offset, order, limits, depth + 1, seen)[0])
        except BadImage:
            continue  # a broken EXIF directory is no reason to refuse the picture
    return tuple(found)


def _with_blocks(data: bytes, page: Directory) -> Directory:
    for offsets_tag, counts_tag in ((STRIP_OFFSETS, STRIP_COUNTS), (TILE_OFFSETS, TILE_COUNTS)):
        offsets, counts = page.numbers(offsets_tag), page.numbers(counts_tag)
        if offsets and not counts and len(offsets) == 1:
            counts = (len(data) - offsets[0],)
        if len(offsets) == len(counts) == 1 and offsets_tag == STRIP_OFFSETS:
            whole = _bytes_as_stored(page)
            counts = (whole if counts[0] < whole <= len(data) - offsets[0] else counts[0],)
        if offsets and len(offsets) == len(counts):
            if sum(counts) > 4 * len(data) + _OVERLAP_BYTES:
                raise BadImage("the TIFF's strips lie on top of each other")
            return replace(page, blocks=tuple(data[at : at + size] for at, size in zip(offsets, counts, strict=True)))
    return page


def is_cut_short(page: Directory) -> bool:
    """Whether the file ends within the one strip of a page without compression."""
    return STRIP_OFFSETS in page.tags and len(page.blocks) == 1 and len(page.blocks[0]) < _bytes_as_stored(page)


def _bytes_as_stored(page: Directory) -> int:
    """What a page takes in one strip without compression, 0 for others: readers go by that where the tag says less."""
    if page.number(259, 1) != 1 or page.photometric == 6 or page.number(284, 1) != 1:
        return 0
    depths, samples = page.numbers(258, (1,)), page.number(277, 1)
    bits = depths[0] * samples if len(set(depths)) == 1 else sum(depths)
    return (page.number(256, 0) * bits + 7) // 8 * page.number(257, 0)


def page_of(pixels: Array, order: str, more: Mapping[int, Tag]) -> Directory:
    """Grey or RGB of 8 or 16 bits, with or without alpha, as a page of one uncompressed strip, ``more`` tags beside."""
    rows, columns = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = np.dtype(f"{order}u{pixels.itemsize}")
    page = Directory(order, dict(more), (pixels.astype(kind).tobytes(),))
    page = page.with_numbers(256, (columns,)).with_numbers(257, (rows,)).with_numbers(278, (rows,))
    page = page.with_numbers(258, (8 * pixels.itemsize,) * samples, kind=3).with_numbers(277, (samples,), kind=3)
    for number, value in ((259, 1), (262, 2 if samples > 2 else 1), (284, 1)):
        page = page.with_numbers(number, (value,), kind=3)
    # Extra samples: alpha that the colours are not multiplied with.
    return page.with_numbers(338, (2,), kind=3) if samples in (2, 4) else page


def write(pages: tuple[Directory, ...]) -> bytes:
    """A classic TIFF of the pages, blocks first in page order, every directory on a word boundary."""
    order = pages[0].order
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0")
    link = 4
    for page in pages:
        at, following = _write_directory(out, page)
        struct.pack_into(order + "I", out, link, at)
        link = following
    return bytes(out)


def _write_directory(out: bytearray, page: Directory) -> tuple[int, int]:
    """Append a directory; where it begins, and where its link to the next one stands."""
    order = page.order
    tags = dict(page.tags)
    if page.blocks:
        offsets = []
        for block in page.blocks:
            out += b"\0" * (len(out) & 1)
            offsets.append(len(out))
            out += block
        at_tag, size_tag = (TILE_OFFSETS, TILE_COUNTS) if TILE_OFFSETS in tags else (STRIP_OFFSETS, STRIP_COUNTS)
        sizes = tuple(len(block) for block in page.blocks)
        tags = page.with_numbers(at_tag, tuple(offsets)).with_numbers(size_tag, sizes).tags
    for number, tag in tags.items():
        if tag.nested:
            starts = tuple(_write_directory(out, nested)[0] for nested in tag.nested)
            raw = struct.pack(f"{order}{len(starts)}I", *starts)
            tags[number] = Tag(number, 4, len(starts), raw)
    entries = bytearray()
    for number in sorted(tags):
        tag = tags[number]
        entries += struct.pack(order + "HHI", number, tag.kind, tag.count)
        if len(tag.raw) <= 4:
            entries += tag.raw.ljust(4, b"\0")
        else:
            out += b"\0" * (len(out) & 1)
            entries += struct.pack(order + "I", len(out))
            out += tag.raw
    out += b"\0" * (len(out) & 1)
    start = len(out)
    out += struct.pack(order + "H", len(tags)) + entries + b"\0\0\0\0"
    return start, len(out) - 4


def blank(data: bytes, doomed: frozenset[int]) -> bytes:
    """The same file with some tags of every page taken out and their values zeroed; no offset changes."""
    if _layout_of(data) is _BIG:
        raise BadImage("tags of a BigTIFF are not blanked in place")
    out = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    seen: set[int] = set()
    while at and at not in seen and at + 2 <= len(data):
        seen.add(at)
        at = _blank_directory(out, at, order, doomed, seen)
    return bytes(out)


def _blank_directory(out: bytearray, at: int, order: str, doomed: frozenset[int], seen: set[int]) -> int:
    count = struct.unpack_from(order + "H", out, at)[0]
    end = at + 2 + 12 * count
    following = bytes(out[end : end + 4])
    kept = bytearray()
    for entry in range(at + 2, end, 12):
        number, kind, values = struct.unpack_from(order + "HHI", out, entry)
        if number not in doomed:
            kept += out[entry : entry + 12]
            continue
        size = _SIZES.get(kind, 0) * values
        start = struct.unpack_from(order + "I", out, entry + 8)[0]
        if size > 4 and start + size <= len(out):
            out[start : start + size] = b"\0" * size
        elif number in _NESTED and start not in seen and start + 2 <= len(out):
            seen.add(start)
            everything = frozenset(range(65536))
            _blank_directory(out, start, order, everything, seen)
    body = struct.pack(order + "H", len(kept) // 12) + kept + following
    out[at : end + 4] = body.ljust(end + 4 - at, b"\0")[: end + 4 - at]
    return int(struct.unpack(order + "I", following.ljust(4, b"\0"))[0])

"""Files that are nearly what they were: one thing of their structure changed, by the rules of their format.

A random flip of bits seldom gets past a checksum. These changes keep a file readable, so that what it means is the
question: a tag with another value, a chunk too many, a frame elsewhere, a table twice.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(name: str, data: bytes, seed: int) -> bytes:
    """A file of this format with one to three changes of its structure; the same for the same seed."""
    dice = random.Random(f"{name} {seed}")
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        try:
            data = MUTATIONS[name](data, dice)
        except (IndexError, ValueError, struct.error):
            continue
    return data


def _shuffled(parts: list[bytes], dice: random.Random, keep: int, change: Callable[[bytes], bytes]) -> list[bytes]:
    """Parts after the first ``keep`` of them dropped, doubled, exchanged, or changed."""
    parts = list(parts)
    at = dice.randrange(keep, len(parts))
    what = dice.choice(("drop", "double", "exchange", "change", "change", "change"))
    if what == "drop":
        del parts[at]
    elif what == "double":
        parts.insert(dice.randrange(keep, len(parts)), parts[at])
    elif what == "exchange":
        other = dice.randrange(keep, len(parts))
        parts[at], parts[other] = parts[other], parts[at]
    else:
        parts[at] = change(parts[at])
    return parts


def _poked(data: bytes, dice: random.Random, first: int, last: int) -> bytes:
    """A byte among some, one off or with another bit."""
    at = dice.randrange(first, max(first + 1, min(last, len(data))))
    value = dice.choice((data[at] ^ 1 << dice.randrange(8), data[at] + 1, data[at] - 1, 0, 255)) & 255
    return data[:at] + bytes([value]) + data[at + 1 :]


def _png(data: bytes, dice: random.Random) -> bytes:
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at + 4 : at + 8 + length])
        at += 12 + length
    if dice.random() < 0.25:
        chunks.insert(dice.randrange(1, len(chunks)), dice.choice(_PNG_CHUNKS))

    def change(body: bytes) -> bytes:
        if body[:4] == b"IHDR":
            return _poked(body, dice, 7 if dice.random() < 0.5 else 12, 17)
        if body[:4] in (b"IDAT", b"fdAT"):
            return body[: dice.randrange(5, len(body) + 1)]
        return _poked(body, dice, 4, len(body))

    first = 0 if dice.random() < 0.2 else 1
    chunks = _shuffled(chunks, dice, first, change)
    return data[:8] + b"".join(
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in chunks
    )


_PNG_CHUNKS = (
    b"gAMA" + struct.pack(">I", 45455), b"gAMA" + struct.pack(">I", 100_000), b"gAMA" + struct.pack(">I", 0),
    b"sRGB\0", b"tRNS\0\0", b"tRNS" + bytes(6), b"tRNS\0\x80\xff", b"sBIT\5\5\5", b"cICP\1\x0d\0\1", b"cICP\x0c\x0d\0\1",
    b"cHRM" + struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"cHRM" + struct.pack(">8I", 31270, 32900, 30000, 60000, 64000, 33000, 15000, 6000),
    b"bKGD\0\0\0\0\0\0", b"pHYs" + struct.pack(">IIB", 100, 200, 0), b"PLTE" + bytes(range(30)), b"IDAT",
)  # fmt: skip


def _jpeg(data: bytes, dice: random.Random) -> bytes:
    parts, at = [], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at:end])
        at = end
    scan = data[at:]
    if dice.random() < 0.15:
        return data[:2] + b"".join(parts) + scan[: dice.randrange(20, len(scan))]
    if dice.random() < 0.3:
        parts.insert(dice.randrange(len(parts)), dice.choice(_JPEG_SEGMENTS))

    def change(segment: bytes) -> bytes:
        if segment[1] in (0xC0, 0xC1, 0xC2):
            return _poked(segment, dice, dice.choice((4, 5, 9, 10)), len(segment))
        return _poked(segment, dice, 4, min(len(segment), 24))

    return data[:2] + b"".join(_shuffled(parts, dice, 0, change)) + scan


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


_JPEG_SEGMENTS = (
    *(_segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])) for transform in (0, 1, 2)),
    _segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\0\0"), _segment(0xFE, b"words"), _segment(0xDD, b"\0\4"),
    *(
        _segment(0xE1, b"Exif\0\0MM\0*" + struct.pack(">HHHHIHHI", 8, 0, 1, 0x0112, 3, 0, 1, 0)[2:])
        for _ in range(1)
    ),
    *(
        _segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0" + bytes([turn]) + b"\0\0\0\0\0\0")
        for turn in (1, 3, 6, 9)
    ),
    _segment(0xE2, b"ICC_PROFILE\0\1\1broken"), _segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\0"),
)  # fmt: skip


def _gif(data: bytes, dice: random.Random) -> bytes:
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    head, parts = data[:at], []
    while data[at] != 0x3B:
        start = at
        if data[at] == 0x2C:
            at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        else:
            at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
        parts.append(data[start:at])

    def change(part: bytes) -> bytes:
        if part[0] == 0x2C:
            return _poked(part, dice, 1, 10) if dice.random() < 0.7 else _poked(part, dice, 10, 60)
        return _poked(part, dice, 3, min(len(part) - 1, 20))

    if dice.random() < 0.2:
        return _poked(head, dice, 6, 13) + b"".join(parts) + b";"
    return head + b"".join(_shuffled(parts, dice, 0, change)) + b";"


def _webp(data: bytes, dice: random.Random) -> bytes:
    chunks, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append(data[at : at + 8 + length + length % 2])
        at += 8 + length + length % 2

    def change(chunk: bytes) -> bytes:
        last = 30 if chunk[:4] == b"ANMF" else 20
        return _poked(chunk, dice, 8, min(len(chunk), last))

    body = b"WEBP" + b"".join(_shuffled(chunks, dice, 0, change))
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _bmp(data: bytes, dice: random.Random) -> bytes:
    start = int.from_bytes(data[10:14], "little")
    if dice.random() < 0.2:
        return data[: dice.randrange(start, len(data))]
    if dice.random() < 0.2:
        height = struct.unpack_from("<i", data, 22)[0]
        return data[:22] + struct.pack("<i", -height) + data[26:]
    return _poked(data, dice, 10, start)


def _tiff(data: bytes, dice: random.Random) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, first)
    entries = [data[first + 2 + 12 * n : first + 14 + 12 * n] for n in range(count)]
    at = dice.randrange(count)
    tag, kind, number, value = struct.unpack(f"{order}HHI4s", entries[at])
    short = struct.unpack(f"{order}H", value[:2])[0]
    if kind == 3 and number == 1:
        changed = struct.pack(f"{order}H", max(0, dice.choice((short + 1, short - 1, 0, 1, 2, 3, 5, 6, 8)))) + value[2:]
    else:
        changed = _poked(value, dice, 0, 4)
    if dice.random() < 0.2:
        tag = dice.choice((262, 274, 277, 284, 317, 266, 338, 339, 532))
    entries[at] = struct.pack(f"{order}HHI4s", tag, kind, number, changed)
    return data[: first + 2] + b"".join(entries) + data[first + 2 + 12 * count :]


MUTATIONS: dict[str, Mutation] = {
    "png": _png, "apng": _png, "jpeg": _jpeg, "gif": _gif, "webp": _webp, "awebp": _webp, "bmp": _bmp, "tiff": _tiff,
}  # fmt: skip

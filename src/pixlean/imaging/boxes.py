"""The boxes that ISO's media files are made of (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pixlean.domain.errors import BadImage
from pixlean.domain.limits import Limits


@dataclass(frozen=True)
class Box:
    """A box: its type and where its body lies in the file."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int, limits: Limits) -> Iterator[Box]:
    """The boxes between two offsets. Raises ``BadImage`` where one does not fit."""
    count = 0
    while start + 8 <= end:
        size, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        body = start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        elif size == 0:
            size = end - start
        if size < body - start or start + size > end:
            raise BadImage(f"the file ends inside its {kind!r} box")
        count += 1
        limits.check("max_chunks", count)
        yield Box(kind, body, start + size)
        start += size


def find(data: bytes, box: Box, path: tuple[bytes, ...], limits: Limits, depth: int = 0) -> Box | None:
    """The box at the end of a path of types, looked for below a box; the first of each type counts."""
    limits.check("max_box_depth", depth)
    for inner in boxes(data, box.start, box.end, limits):
        if inner.kind == path[0]:
            return inner if len(path) == 1 else find(data, inner, path[1:], limits, depth + 1)
    return None

"""The track of an image sequence (AVIF, HEIC): its times and how often it plays, read and written."""

from __future__ import annotations

import struct
from dataclasses import replace

from pixlean.domain.errors import BadImage
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.imaging.boxes import Box, boxes, find

_FOR_EVER = {4: 2**32 - 1, 8: 2**64 - 1}


def probe_sequence(data: bytes, movie: Box, limits: Limits, still: ImageInfo) -> ImageInfo:
    """What the track says, over what the still beside it says. Raises ``BadImage`` and ``LimitExceeded``."""
    table = (b"trak", b"mdia", b"minf", b"stbl")
    sizes = find(data, movie, (*table, b"stsz"), limits)
    times = find(data, movie, (*table, b"stts"), limits)
    head = find(data, movie, (b"trak", b"mdia", b"mdhd"), limits)
    track = find(data, movie, (b"trak", b"tkhd"), limits)
    if sizes is None or times is None or head is None or track is None:
        raise BadImage("the sequence has no track")
    count = int.from_bytes(data[sizes.start + 8 : sizes.start + 12], "big")
    limits.check("max_frames", count)
    scale = int.from_bytes(data[head.start + (20 if data[head.start] else 12) :][:4], "big") or 1000
    durations: list[int] = []
    for at in range(times.start + 8, times.end - 7, 8):
        number, delta = struct.unpack_from(">II", data, at)
        durations += [round(1000 * delta / scale)] * min(number, limits.max_frames)
        limits.check("max_frames", len(durations))
    width, height = (size >> 16 for size in struct.unpack(">II", data[track.end - 8 : track.end]))
    if not width or not height:
        raise BadImage("the sequence's track is empty")
    limits.check_picture(width, height, frames=max(1, count))
    return replace(
        still,
        width_px=width,
        height_px=height,
        frames=max(1, count),
        durations_ms=tuple(durations),
        plays=_plays_of(data, movie, track, limits),
        untouchable=still.untouchable | {"sequence"},
    )


def _plays_of(data: bytes, movie: Box, track: Box, limits: Limits) -> int:
    """How often the edit list repeats the track; for ever where there is none, as browsers do."""
    edits = find(data, movie, (b"trak", b"edts", b"elst"), limits)
    if edits is None or edits.end - edits.start < 20:
        return 0
    at, size = _duration_in_track(data, track)
    whole, part = int.from_bytes(data[at : at + size], "big"), _part(data, edits)
    if not data[edits.start + 3] & 1:
        return 1
    return 0 if whole == _FOR_EVER[size] or not part else max(1, -(-whole // part))


def _part(data: bytes, edits: Box) -> int:
    """The duration of the first edit: one play, in the movie's time scale."""
    size = 8 if data[edits.start] else 4
    return int.from_bytes(data[edits.start + 8 : edits.start + 8 + size], "big")


def _duration_in_track(data: bytes, track: Box) -> tuple[int, int]:
    """Where ``tkhd`` has its duration, and in how many bytes (8.3.2)."""
    return (track.start + 28, 8) if data[track.start] else (track.start + 20, 4)


def with_plays(data: bytes, plays: int) -> bytes:
    """A sequence that plays so often (0 for ever), without the time at which it was written; no byte moves."""
    limits = Limits()
    movie = next((box for box in boxes(data, 0, len(data), limits) if box.kind == b"moov"), None)
    if movie is None:
        return data
    out = bytearray(data)
    head = find(data, movie, (b"mvhd",), limits)
    track = find(data, movie, (b"trak", b"tkhd"), limits)
    media = find(data, movie, (b"trak", b"mdia", b"mdhd"), limits)
    for box in (head, track, media):
        if box is not None:
            clock = box.start + 4
            out[clock : clock + (16 if data[box.start] else 8)] = bytes(16 if data[box.start] else 8)
    edits = find(data, movie, (b"trak", b"edts", b"elst"), limits)
    if track is None or head is None or edits is None:
        return bytes(out)
    out[edits.start + 3] = out[edits.start + 3] & 0xFE | (plays != 1)
    for at, size in (_duration_in_track(data, track), _duration_in_movie(data, head)):
        whole = _part(data, edits) * plays if plays else _FOR_EVER[size]
        out[at : at + size] = min(whole, _FOR_EVER[size]).to_bytes(size, "big")
    return bytes(out)


def _duration_in_movie(data: bytes, head: Box) -> tuple[int, int]:
    """Where ``mvhd`` has its duration, and in how many bytes (8.2.2)."""
    return (head.start + 24, 8) if data[head.start] else (head.start + 16, 4)

"""JPEG XL: lossy pictures again at the wanted distance, transcoded JPEGs never undone, boxes stripped."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import libjxl
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.metadata import read_exif
from pixlean.imaging.pixels import Array, Picture, flatness, to_rgba8
from pixlean.imaging.sampling import tile_score, tiles
from pixlean.imaging.worth import AGAIN

_PRIVATE = {b"Exif": "exif", b"xml ": "xmp", b"jumb": "text", b"jhgm": "text", b"brob": "exif"}


def _is_container(data: bytes) -> bool:
    return data[4:8] == b"JXL "


def _boxes(data: bytes, limits: Limits) -> list[tuple[bytes, int, int, int]]:
    """Top-level boxes as (type, start, start of body, end)."""
    found: list[tuple[bytes, int, int, int]] = []
    at = 0
    while at + 8 <= len(data):
        size, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = len(data) - at
        if size < body - at or at + size > len(data):
            raise BadImage("the JPEG XL file ends inside a box")
        found.append((data[at + 4 : at + 8], at, body, at + size))
        limits.check("max_chunks", len(found))
        at += size
    return found


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes and the codestream's header; see ``contract.Codec``."""
    untouchable: set[str] = set()
    kinds: set[str] = set()
    for kind, _, body, end in _boxes(data, limits) if _is_container(data) else []:
        if kind == b"jbrd":
            untouchable.add("jpeg_transcode")
        if kind in _PRIVATE and kind != b"jhgm":
            kinds.add(_PRIVATE[kind])
            if kind == b"Exif":
                kinds |= read_exif(data[body + 4 : end])[1]
        if kind == b"jhgm":
            untouchable.add("gain_map")
    header = libjxl.read_header(data)
    limits.check_picture(header.width_px, header.height_px, bytes_per_pixel=4 if header.bits <= 8 else 8)
    if header.animated:
        header = libjxl.read_header(data, frames=True, max_frames=limits.max_frames)
        limits.check("max_frames", len(header.durations_ms))
        limits.check_picture(header.width_px, header.height_px, frames=max(1, len(header.durations_ms)))
        untouchable.add("animation")
    if header.extra_channels > int(header.has_alpha):
        untouchable.add("extra_channels")
    if header.is_float or header.bits > 16:
        untouchable.add("float")
    limits.check("max_icc_bytes", len(header.icc or b""))
    return ImageInfo(
        format=Format.JXL,
        width_px=header.width_px,
        height_px=header.height_px,
        mode=("L" if header.colour_channels == 1 else "RGB") + ("A" if header.has_alpha else ""),
        bit_depth=header.bits,
        frames=max(1, len(header.durations_ms)),
        durations_ms=header.durations_ms if header.animated else (),
        loop_count=header.loop_count if header.animated else None,
        plays=header.loop_count if header.animated else None,
        orientation=1,  # libjxl's basic info and pixels are upright already
        has_alpha=header.has_alpha,
        icc=header.icc,
        metadata=frozenset(kinds),
        lossless=header.uses_original_profile,
        untouchable=frozenset(untouchable),
    )


# libjxl's distance 0 is lossless; this is the finest that is not.
_FINEST_DISTANCE = 0.01


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A lossy re-encode for lossy sources, and for lossless ones below quality 70; the boxes in any case."""
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=0.99
    )
    if info.untouchable or (info.lossless and recipe.strength is Strength.LOW):
        return (stripped,)

    def at(distance: float) -> Make:
        return partial(_again, recipe=recipe, distance=distance)

    distance = _distance(recipe.quality)
    encoded = Trial(
        method="jxl-reencode",
        make=at(distance),
        guess=partial(_guess, recipe=recipe, distance=distance),
        knob=Knob(low=distance, high=_FINEST_DISTANCE, at=at),
        loss=AGAIN[recipe.strength],
    )
    return (encoded, stripped)


def _distance(quality: float) -> float:
    """libjxl's own map from a JPEG-like quality to a butteraugli distance (tools/cjxl_main.cc)."""
    if quality >= 30:
        return round(0.1 + (100 - quality) * 0.09, 3)
    return round(53.0 / 3000 * quality**2 - 23.0 / 20 * quality + 25.0, 3)


def _channels(data: bytes) -> tuple[int, int]:
    header = libjxl.read_header(data)
    return (1 if header.colour_channels == 1 else 3) + int(header.has_alpha), header.bits


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame, upright."""
    yield from _picture(data).frames


def _picture(data: bytes) -> Picture:
    """All frames, upright, as (rows, columns, channels), with the profile that only decoding tells."""
    channels, bits = _channels(data)
    shown, profile = libjxl.decode(data, bits=bits, channels=channels)
    return Picture(frames=tuple(np.asarray(frame) for frame in shown), icc=profile)


def _stripped(source: Source, recipe: Recipe) -> bytes:
    """Private boxes cut out."""
    return _without_private(source.data) if recipe.strip_metadata else source.data


# At equal SSIMULACRA2 effort 4 gives photographs 3 to 5 % fewer bytes than 5 or 7, in a tenth of 7's time; drawings are
# 20 to 50 % larger with it, and take little of that time.
_EFFORT, _EFFORT_FOR_DRAWINGS, _DRAWN, _MOST_DRAWN_PIXELS = 4, 7, 0.4, 4_000_000


def _effort_for(frame: Array, asked: int | None) -> int:
    """libjxl's effort, 1 to 9."""
    if asked is not None:
        return max(1, asked)
    drawn = frame.shape[0] * frame.shape[1] <= _MOST_DRAWN_PIXELS and flatness(frame) > _DRAWN
    return _EFFORT_FOR_DRAWINGS if drawn else _EFFORT


def _again(source: Source, recipe: Recipe, distance: float) -> bytes:
    """The picture at a distance."""
    if not recipe.strip_metadata and source.info.metadata:
        raise DropTrial("a re-encode would lose the metadata that must stay")
    _, bits = _channels(source.data)
    frame = source.picture.first
    effort = _effort_for(frame, recipe.effort)
    return libjxl.encode([frame], distance=distance, effort=effort, bits=bits, icc=source.picture.icc)


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation as JPEG XL, 8 or 16 bit."""
    frames = [frame if frame.ndim == 3 else frame[..., np.newaxis] for frame in picture.frames]
    motion = None
    if len(frames) > 1:
        most = max(frame.shape[2] for frame in frames)
        frames = [frame if frame.shape[2] == most else _with_channels(frame, most) for frame in frames]
        motion = libjxl.Motion(durations_ms=picture.durations_ms, plays=picture.plays or 0)
    return libjxl.encode(
        frames,
        distance=_distance(wish.quality),
        effort=_effort_for(frames[0], wish.effort),
        bits=16 if frames[0].dtype == np.uint16 else 8,
        icc=None,
        lossless=wish.lossless or wish.quality >= 100,
        motion=motion,
    )


def _with_channels(frame: Array, channels: int) -> Array:
    """A frame with as many channels as the richest one of its animation."""
    wide = to_rgba8(frame)
    return wide if channels == 4 else wide[..., :3] if channels == 3 else wide[..., [0, 3]]


_SAMPLED_PIXELS = 750_000


def _guess(source: Source, recipe: Recipe, distance: float) -> Forecast:
    """The encode of all but small pictures from 128-pixel tiles; the rest is run."""
    sample = None
    if recipe.strip_metadata or not source.info.metadata:
        sample = tiles(source.picture.first, tile_px=128, most_px=_SAMPLED_PIXELS)
    if sample is None:
        return Forecast(size_bytes=len(_again(source, recipe, distance)))
    encoded = _again(source.with_frame(sample.frame), recipe, distance)
    head_bytes = 100 + len(source.picture.icc or b"")
    score = tile_score(sample.frame, next(_frames(encoded)))
    return Forecast(
        size_bytes=sample.whole(len(encoded), head_bytes), strategy=Strategy.SAMPLE, spread=0.06, score=score
    )


def _without_private(data: bytes) -> bytes:
    """The container without EXIF, XMP, JUMBF and what rebuilds the original JPEG with its metadata."""
    if not _is_container(data):
        return data
    kept = [
        data[start:end]
        for kind, start, _, end in _boxes(data, Limits())
        if kind not in (b"Exif", b"xml ", b"jumb", b"brob", b"jbrd")
    ]
    return b"".join(kept)


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    picture=_picture,
    trials=_trials,
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            # Medians over two dozen photographs.
            looks=((45, 61.0), (60, 68.3), (70, 73.2), (80, 78.3), (90, 86.6)),
            deep=True, moves=True, plays=True, lossless=True, usual_share=0.8, quality_step=0.2,
        ),
    ),
    upright=True,
)  # fmt: skip

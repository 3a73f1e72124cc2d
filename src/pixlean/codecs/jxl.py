"""JPEG XL: lossy pictures again at the wanted distance, transcoded JPEGs never undone, boxes stripped."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import libjxl
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.metadata import read_exif
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.sampling import exactly, tile_score, tiles

UPRIGHT = True
_PRIVATE = {b"Exif": "exif", b"xml ": "xmp", b"jumb": "text", b"jhgm": "text", b"brob": "exif"}
_MUST_GAIN = {Strength.HIGH: 0.05, Strength.MEDIUM: 0.08, Strength.LOW: 0.12}
_FLOOR = {Strength.HIGH: 25.0, Strength.MEDIUM: 45.0, Strength.LOW: 60.0}


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


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes and the codestream's header; see ``contract.Codec.probe``."""
    keep: set[str] = set()
    kinds: set[str] = set()
    for kind, _, body, end in _boxes(data, limits) if _is_container(data) else []:
        if kind == b"jbrd":
            keep.add("jpeg_transcode")
        if kind in _PRIVATE and kind != b"jhgm":
            kinds.add(_PRIVATE[kind])
            if kind == b"Exif":
                kinds |= read_exif(data[body + 4 : end])[1]
        if kind == b"jhgm":
            keep.add("gain_map")
    header = libjxl.read_header(data)
    limits.check_picture(header.width_px, header.height_px, bytes_per_pixel=4 if header.bits <= 8 else 8)
    if header.animated:
        header = libjxl.read_header(data, frames=True, max_frames=limits.max_frames)
        limits.check("max_frames", len(header.durations_ms))
        limits.check_picture(header.width_px, header.height_px, frames=max(1, len(header.durations_ms)))
        keep.add("animation")
    if header.extra_channels > int(header.has_alpha):
        keep.add("extra_channels")
    if header.is_float or header.bits > 16:
        keep.add("float")
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
        orientation=1,  # libjxl's basic info and pixels are upright already
        has_alpha=header.has_alpha,
        icc=header.icc,
        metadata=frozenset(kinds),
        lossless=header.uses_original_profile,
        keep=frozenset(keep),
    )


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A lossy re-encode for lossy sources, and for lossless ones below quality 70; the boxes in any case."""
    if info.keep or (info.lossless and recipe.strength is Strength.LOW):
        return (_STRIP,)
    distance = _distance(recipe.quality)
    effort = (7 if info.pixels <= 1_500_000 else 5) if recipe.effort is None else max(1, recipe.effort)
    encode = Trial(
        kind=TrialKind.ENCODE,
        method="jxl-reencode",
        why="the picture at the wanted distance",
        parameters=MappingProxyType({"distance": distance, "effort": effort}),
        must_gain=_MUST_GAIN[recipe.strength],
        floor_score=_FLOOR[recipe.strength],
        quality_parameter="distance",
    )
    return (encode, _STRIP)


def _distance(quality: int) -> float:
    """libjxl's own map from a JPEG-like quality to a butteraugli distance (tools/cjxl_main.cc)."""
    if quality >= 30:
        return round(0.1 + (100 - quality) * 0.09, 3)
    return round(53.0 / 3000 * quality**2 - 23.0 / 20 * quality + 25.0, 3)


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private boxes cut out", lossless=True, unless_below=0.99
)


def _channels(data: bytes) -> tuple[int, int]:
    header = libjxl.read_header(data)
    return (1 if header.colour_channels == 1 else 3) + int(header.has_alpha), header.bits


def frames(data: bytes) -> Iterator[Array]:
    """Every frame, upright."""
    yield from decode(data).frames


def decode(data: bytes) -> Picture:
    """All frames, upright, as (rows, columns, channels)."""
    channels, bits = _channels(data)
    shown, profile = libjxl.decode(data, bits=bits, channels=channels)
    return Picture(frames=tuple(np.asarray(frame) for frame in shown), mode="RGB", icc=profile)


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return _strip(source.data) if recipe.strip_metadata else source.data
    if not recipe.strip_metadata and source.info.metadata:
        raise DropTrial("a re-encode would lose the metadata that must stay")
    return _encode(source.picture.first, source, trial)


def encode(picture: Picture, wish: Encoding) -> bytes:
    """The first frame as JPEG XL, 8 or 16 bit."""
    pixels = picture.first if picture.first.ndim == 3 else picture.first[..., np.newaxis]
    return libjxl.encode(
        pixels,
        distance=_distance(wish.quality),
        effort=5 if wish.effort is None else max(1, min(9, wish.effort)),
        bits=16 if pixels.dtype == np.uint16 else 8,
        icc=None,
        lossless=wish.lossless or wish.quality >= 100,
    )


def _encode(pixels: Array, source: Source, trial: Trial) -> bytes:
    _, bits = _channels(source.data)
    distance, effort = float(trial.parameters["distance"] or 1.0), int(trial.parameters["effort"] or 5)
    return libjxl.encode(pixels, distance=distance, effort=effort, bits=bits, icc=source.picture.icc)


_SAMPLED_PIXELS = 750_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """The encode of all but small pictures from 256-pixel tiles; the rest is run."""
    sample = None
    if trial.method != "metadata-strip" and (recipe.strip_metadata or not source.info.metadata):
        sample = tiles(source.picture.first, tile_px=128, most_px=_SAMPLED_PIXELS)
    if sample is None:
        return exactly(run(source, trial, recipe))
    made = _encode(sample.frame, source, trial)
    head_bytes = 100 + len(source.picture.icc or b"")
    score = tile_score(sample.frame, next(frames(made)))
    return Forecast(size_bytes=sample.whole(len(made), head_bytes), strategy=Strategy.SAMPLE, spread=0.06, score=score)


def _strip(data: bytes) -> bytes:
    """The container without EXIF, XMP, JUMBF and what rebuilds the original JPEG with its metadata."""
    if not _is_container(data):
        return data
    kept = [
        data[start:end]
        for kind, start, _, end in _boxes(data, Limits())
        if kind not in (b"Exif", b"xml ", b"jumb", b"brob", b"jbrd")
    ]
    return b"".join(kept)

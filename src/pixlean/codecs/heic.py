"""HEIC through the optional extra ``heic`` (pillow-heif, whose wheel is GPL-2 through x265)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import isobmff
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.sampling import exactly, tile_score, tiles

UPRIGHT = True
_MUST_GAIN = {Strength.HIGH: 0.05, Strength.MEDIUM: 0.08, Strength.LOW: 0.12}
_FLOOR = {Strength.HIGH: 25.0, Strength.MEDIUM: 45.0, Strength.LOW: 60.0}
# x265's scale lies below JPEG's: quality 60 there looks like 72 here.
_QUALITY = {Strength.HIGH: -2, Strength.MEDIUM: -8, Strength.LOW: -12}


@lru_cache(maxsize=1)
def _heif() -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise BadImage(
            "HEIC needs the optional extra: install pixlean[heic]", code=ErrorCode.UNSUPPORTED_FORMAT
        ) from error
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.QUALITY = 60
    return pillow_heif


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes; see ``contract.Codec.probe``."""
    _heif()
    return isobmff.probe(data, limits, Format.HEIC)


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A re-encode where it can carry everything, else only the blanking of private items."""
    if info.keep or info.bit_depth > 10 or (info.bit_depth > 8 and info.has_alpha) or info.pixels < 64:
        return (STRIP,)
    strength = recipe.strength
    encode = Trial(
        kind=TrialKind.ENCODE,
        method="heic-reencode",
        why="the picture at the wanted quality",
        parameters=MappingProxyType({"quality": max(1, min(100, recipe.quality + _QUALITY[strength]))}),
        must_gain=_MUST_GAIN[strength],
        floor_score=_FLOOR[strength],
        quality_parameter="quality",
    )
    return (encode, STRIP)


STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private items blanked", lossless=True, unless_below=1.0
)


def _open(data: bytes) -> Any:
    try:
        return _heif().open_heif(data, convert_hdr_to_8bit=False)
    except BadImage:
        raise
    except Exception as error:
        raise BadImage("the HEIC data does not decode") from error


def frames(data: bytes) -> Iterator[Array]:
    """Every top-level picture, turned as a viewer shows it (libheif applies irot and imir)."""
    for image in _open(data):
        try:
            yield np.asarray(image)
        except MemoryError:
            raise
        except Exception as error:
            raise BadImage("the HEIC data does not decode") from error


def decode(data: bytes) -> Picture:
    """All top-level pictures."""
    return Picture(frames=tuple(frames(data)), mode="RGB")


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return isobmff.strip(source.data) if recipe.strip_metadata else source.data
    opened = _open(source.data)
    if len(opened) != 1:
        raise DropTrial("more than one picture")
    image = opened[0]
    profile = icc_to_keep(source.info.icc, strip_metadata=recipe.strip_metadata)
    image.info["icc_profile"] = profile
    extra = {"exif": None, "xmp": None} if recipe.strip_metadata else {}
    return _encode(opened, trial, **extra)


def _encode(opened: Any, trial: Trial, **extra: object) -> bytes:
    out = io.BytesIO()
    quality = int(trial.parameters["quality"] or 60)
    chroma = 420 if quality < 80 else 444
    opened.save(out, quality=quality, chroma=chroma, enc_params={"preset": "medium"}, **extra)
    return out.getvalue()


def encode(picture: Picture, wish: Encoding) -> bytes:
    """A still (8 bit) as HEIC, by x265."""
    pixels = picture.first if picture.first.ndim == 3 else np.stack([picture.first] * 3, axis=-1)
    mode = "RGBA" if pixels.shape[2] == 4 else "RGB"
    made = _heif().from_bytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    out = io.BytesIO()
    chroma = 420 if wish.quality < 80 else 444
    preset = "medium" if wish.effort is None else _PRESETS[wish.effort]
    extra = {"exif": b"Exif\0\0" + wish.exif} if wish.exif else {}
    made.save(out, quality=wish.quality, chroma=chroma, enc_params={"preset": preset}, **extra)
    return out.getvalue()


# x265's presets by effort.
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slow", "slower", "veryslow")
_SAMPLED_PIXELS = 500_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """The encode of all but small pictures from 256-pixel tiles; the rest is run."""
    if trial.method == "metadata-strip":
        return exactly(run(source, trial, recipe))
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_SAMPLED_PIXELS)
    if sample is None:
        return exactly(run(source, trial, recipe))
    rows, columns, channels = sample.frame.shape
    mode = ("RGBA" if channels == 4 else "RGB") + (";16" if sample.frame.dtype == np.uint16 else "")
    made = _encode(_heif().from_bytes(mode, (columns, rows), sample.frame.tobytes()), trial)
    score = tile_score(sample.frame, next(frames(made)))
    return Forecast(size_bytes=sample.whole(len(made), 500), strategy=Strategy.SAMPLE, spread=0.06, score=score)

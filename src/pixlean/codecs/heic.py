"""HEIC through the optional extra ``heic`` (pillow-heif, whose wheel is GPL-2 through x265)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage, ErrorCode
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import isobmff
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.metadata import Metadata, metadata_by_pillow
from pixlean.imaging.pixels import Array, Picture, spread_grey
from pixlean.imaging.sampling import tile_score, tiles
from pixlean.imaging.worth import AGAIN

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


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes; see ``contract.Codec``."""
    _heif()
    return isobmff.probe(data, limits, Format.HEIC, shows_aperture=True)


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A re-encode where it can carry everything, else only the blanking of private items."""
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=1.0
    )
    if info.untouchable or info.bit_depth > 10 or (info.bit_depth > 8 and info.has_alpha) or info.pixels < 64:
        return (stripped,)

    def at(quality: float) -> Make:
        return partial(_again, recipe=recipe, quality=round(quality))

    quality = max(1, min(100, recipe.quality + _QUALITY[recipe.strength]))
    encoded = Trial(
        method="heic-reencode",
        make=at(quality),
        guess=partial(_guess, recipe=recipe, quality=quality),
        knob=Knob(low=quality, high=100, at=at),
        loss=AGAIN[recipe.strength],
    )
    return (encoded, stripped)


def _open(data: bytes) -> Any:
    try:
        return _heif().open_heif(data, convert_hdr_to_8bit=False)
    except BadImage:
        raise
    except Exception as error:
        raise BadImage("the HEIC data does not decode") from error


def _frames(data: bytes) -> Iterator[Array]:
    """Every top-level picture, turned as a viewer shows it (libheif applies irot and imir)."""
    for image in _open(data):
        try:
            yield np.asarray(image)
        except MemoryError:
            raise
        except Exception as error:
            raise BadImage("the HEIC data does not decode") from error


def _metadata(data: bytes) -> Metadata:
    _heif().register_heif_opener()
    return metadata_by_pillow(data, "HEIF")


def _stripped(source: Source, recipe: Recipe) -> bytes:
    """Private items blanked."""
    return isobmff.strip(source.data) if recipe.strip_metadata else source.data


def _again(source: Source, recipe: Recipe, quality: int) -> bytes:
    """The picture at a quality, with what must travel."""
    opened = _open(source.data)
    if len(opened) != 1:
        raise DropTrial("more than one picture")
    opened[0].info["icc_profile"] = icc_to_keep(source.info.icc, strip_metadata=recipe.strip_metadata)
    extra = {"exif": None, "xmp": None} if recipe.strip_metadata else {}
    return _saved(opened, quality, **extra)


def _saved(opened: Any, quality: int, **extra: object) -> bytes:
    out = io.BytesIO()
    chroma = 420 if quality < 80 else 444
    opened.save(out, quality=quality, chroma=chroma, enc_params={"preset": "medium"}, **extra)
    return out.getvalue()


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A still (8 bit) as HEIC, by x265."""
    pixels = spread_grey(picture.first)
    pixels = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
    mode = "RGBA" if pixels.shape[2] == 4 else "RGB"
    made = _heif().from_bytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    out = io.BytesIO()
    chroma = 420 if wish.quality < 80 else 444
    preset = "medium" if wish.effort is None else _PRESETS[wish.effort]
    extra = {"exif": b"Exif\0\0" + wish.exif} if wish.exif else {}
    made.save(out, quality=round(wish.quality), chroma=chroma, enc_params={"preset": preset}, **extra)
    return out.getvalue()


# x265's presets by effort.
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slow", "slower", "veryslow")
_SAMPLED_PIXELS = 500_000


def _guess(source: Source, recipe: Recipe, quality: int) -> Forecast:
    """The encode of all but small pictures from 128-pixel tiles; the rest is run."""
    sample = tiles(source.picture.first, tile_px=128, most_px=_SAMPLED_PIXELS)
    if sample is None:
        return Forecast(size_bytes=len(_again(source, recipe, quality)))
    rows, columns, channels = sample.frame.shape
    mode = ("RGBA" if channels == 4 else "RGB") + (";16" if sample.frame.dtype == np.uint16 else "")
    encoded = _saved(_heif().from_bytes(mode, (columns, rows), sample.frame.tobytes()), quality)
    score = tile_score(sample.frame, next(_frames(encoded)))
    return Forecast(size_bytes=sample.whole(len(encoded), 500), strategy=Strategy.SAMPLE, spread=0.06, score=score)


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    writes=Writes(
        encode=_encode,
        # Medians over two dozen photographs.
        abilities=Abilities(looks=((30, 52.4), (45, 75.7), (60, 86.5), (70, 90.4), (80, 93.1), (90, 94.3))),
    ),
    metadata=_metadata,
    upright=True,
)

"""AVIF: 8-bit stills through libaom in Pillow, deeper ones through libvips, sequences left alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import isobmff
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Source, replace_picture
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly, tile_score, tiles
from pixlean.imaging.vips import vips

# libaom's quality that looks like a JPEG of the recipe's quality.
_QUALITY = {Strength.HIGH: -2, Strength.MEDIUM: 0, Strength.LOW: 3}
_MUST_GAIN = {Strength.HIGH: 0.05, Strength.MEDIUM: 0.08, Strength.LOW: 0.12}
_FLOOR = {Strength.HIGH: 25.0, Strength.MEDIUM: 45.0, Strength.LOW: 60.0}


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes; see ``contract.Codec.probe``."""
    return isobmff.probe(data, limits, Format.AVIF)


def _speed_for(effort: int | None, usual: int) -> int:
    """libaom's speed, 10 (quick) to 0."""
    return usual if effort is None else max(1, 10 - effort)


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A re-encode where it can carry everything, else only the blanking of private items."""
    if info.keep or (info.bit_depth > 8 and (info.has_alpha or info.orientation != 1)):
        return (STRIP,)
    strength = recipe.strength
    encode = Trial(
        kind=TrialKind.ENCODE,
        method="avif-reencode",
        why="the picture at the wanted quality",
        parameters=MappingProxyType(
            {
                "quality": max(1, min(100, recipe.quality + _QUALITY[strength])),
                "speed": _speed_for(recipe.effort, 6 if info.pixels <= 2_000_000 else 8),
            }
        ),
        must_gain=_MUST_GAIN[strength],
        floor_score=_FLOOR[strength],
        quality_parameter="quality",
    )
    return (encode, STRIP)


STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private items blanked", lossless=True, unless_below=1.0
)


def frames(data: bytes) -> Iterator[Array]:
    """Every frame as RGB or RGBA uint8, or uint16 for a deep still, orientation not applied."""
    if _is_deep_still(data):
        yield _decode_deep(data)
        return
    try:
        image = open_with_pillow(data, "AVIF")
        first = load_pixels(image)
    except BadImage:
        yield _decode_deep(data)  # libheif reads some files that libavif is too strict for
        return
    if getattr(image, "n_frames", 1) == 1:
        yield np.asarray(first)
        return
    for number in range(getattr(image, "n_frames", 1)):
        try:
            image.seek(number)
        except Exception as error:
            raise BadImage("the AVIF has a frame that does not decode") from error
        yield np.asarray(load_pixels(image))


def _is_deep_still(data: bytes) -> bool:
    info = probe(data, Limits())
    return info.bit_depth > 8 and info.frames == 1 and not info.has_alpha


def _decode_deep(data: bytes) -> Array:
    pyvips = vips()

    try:
        image = pyvips.Image.heifload_buffer(data)
        pixels: Array = image.numpy()
    except pyvips.Error as error:
        raise BadImage("the AVIF data does not decode") from error
    return pixels


def decode(data: bytes) -> Picture:
    """All frames."""
    shown = tuple(frames(data))
    return Picture(frames=shown, mode="RGB")


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return isobmff.strip(source.data) if recipe.strip_metadata else source.data
    quality = int(trial.parameters["quality"] or 60)
    profile = icc_to_keep(source.info.icc, strip_metadata=recipe.strip_metadata)
    if source.info.bit_depth > 8:
        return _encode_deep(
            vips().Image.heifload_buffer(source.data), source, quality, keep="icc" if recipe.strip_metadata else "all"
        )
    opened = open_with_pillow(source.data, "AVIF")
    out = io.BytesIO()
    extra: dict[str, object] = {"icc_profile": profile or b""}
    if not recipe.strip_metadata:
        extra |= {"exif": opened.info.get("exif", b""), "xmp": opened.info.get("xmp", b"")}
    elif source.info.orientation != 1:
        # Pillow writes an orientation in EXIF as irot and imir, and keeps no EXIF item for it alone.
        exif = Image.Exif()
        exif[0x0112] = source.info.orientation
        extra["exif"] = exif.tobytes()
    Image.fromarray(source.picture.first).save(
        out,
        "AVIF",
        quality=quality,
        speed=int(trial.parameters["speed"] or 6),
        subsampling="4:2:0" if quality < 85 else "4:4:4",
        max_threads=1,
        **extra,
    )
    return out.getvalue()


_SAMPLED_PIXELS = 600_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """The encode of all but small pictures from 256-pixel tiles; the rest is run."""
    if trial.method == "metadata-strip":
        return exactly(run(source, trial, recipe))
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_SAMPLED_PIXELS)
    part = replace_picture(source, sample.frame if sample else whole)
    if source.info.bit_depth > 8:
        image = vips().Image.new_from_array(part.picture.first, interpretation="rgb16")
        made = _encode_deep(image, part, int(trial.parameters["quality"] or 60), keep="none")
    else:
        made = run(part, trial, recipe)
    score = tile_score(part.picture.first, next(frames(made)))
    if sample is None:
        return Forecast(size_bytes=len(made), spread=0.002, score=score)
    return Forecast(size_bytes=sample.whole(len(made), 400), strategy=Strategy.SAMPLE, spread=0.06, score=score)


def encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation as AVIF: 8 bit, or 10 bit where a still is deep.

    Stills go through libheif, which at the same speed of libaom makes files 8 % smaller at equal score than libavif;
    one step of effort more would save another 4 % for four times the work.
    """
    quality = 100 if wish.lossless else wish.quality
    if len(picture.frames) > 1:
        return _animation(picture, wish, quality)
    frame = picture.first
    deep = frame.dtype == np.uint16
    if frame.ndim == 2:
        frame = np.stack([frame] * 3, axis=-1)
    image = vips().Image.new_from_array(np.ascontiguousarray(frame), interpretation="rgb16" if deep else "srgb")
    if wish.exif is not None:
        image = image.copy()
        image.set_type(vips().GValue.blob_type, "exif-data", b"Exif\0\0" + wish.exif)
    made: bytes = image.heifsave_buffer(
        Q=quality,
        compression="av1",
        effort=3 if wish.effort is None else wish.effort,
        bitdepth=10 if deep else 8,
        # At equal score 4:4:4 is 2 to 3 % smaller from about 45 on, and keeps coloured edges.
        subsample_mode="off" if quality >= 45 else "on",
        lossless=wish.lossless,
        keep="none" if wish.exif is None else "exif",
    )
    return made


def _animation(picture: Picture, wish: Encoding, quality: int) -> bytes:
    shown = [Image.fromarray(frame) for frame in picture.frames]
    out = io.BytesIO()
    shown[0].save(
        out,
        "AVIF",
        save_all=True,
        append_images=shown[1:],
        duration=list(picture.durations_ms),
        quality=quality,
        speed=_speed_for(wish.effort, 6),
        subsampling="4:2:0" if quality < 85 else "4:4:4",
        max_threads=1,
        **({"exif": wish.exif} if wish.exif else {}),
    )
    return out.getvalue()


def _encode_deep(image: Any, source: Source, quality: int, *, keep: str) -> bytes:
    made: bytes = image.heifsave_buffer(
        Q=quality,
        compression="av1",
        effort=3,
        bitdepth=source.info.bit_depth,
        subsample_mode="on" if quality < 85 else "off",
        keep=keep,
    )
    return made

"""AVIF: 8 bits and animations through libavif in Pillow, deeper stills through libheif in libvips."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, features

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import isobmff
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Abilities, Codec, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import vips_eyes
from pixlean.imaging.metadata import metadata_by_pillow
from pixlean.imaging.pixels import Array, Picture, flatness, load_pixels, open_with_pillow
from pixlean.imaging.sampling import tile_score, tiles
from pixlean.imaging.sequence import with_plays
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import AGAIN

# libaom's quality that looks like a JPEG of the recipe's quality.
_QUALITY = {Strength.HIGH: -2, Strength.MEDIUM: 0, Strength.LOW: 3}
# What libheif and libavif write and read unless told otherwise.
_MOST_SIDE_PX = 16_384


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the boxes; see ``contract.Codec``."""
    return isobmff.probe(data, limits, Format.AVIF, shows_aperture=False)


# libaom's speed for an effort of 0 to 9. From 5 on a step slower takes a third longer for less than 1 % of the bytes;
# steps quicker than 9 are the same. Default is 6; 5 takes five times as long for 3 to 5 %.
_SPEEDS = (9, 8, 7, 6, 6, 6, 5, 5, 5, 5)
# Bits go where the eye sees errors: at equal SSIMULACRA2 drawings are 5 % smaller than without, photographs the same.
_ADVANCED = {"deltaq-strength": "50"}


def _speed_for(effort: int | None, usual: int) -> int:
    """libaom's speed."""
    return usual if effort is None else _SPEEDS[effort]


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A re-encode where it can carry everything, else only the blanking of private items."""
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=1.0
    )
    if info.untouchable or (info.bit_depth > 8 and (info.has_alpha or info.orientation != 1)):
        return (stripped,)
    speed = _speed_for(recipe.effort, 6 if info.pixels <= 2_000_000 else 8)

    def at(quality: float) -> Make:
        return partial(_again, recipe=recipe, quality=round(quality), speed=speed)

    quality = max(1, min(100, recipe.quality + _QUALITY[recipe.strength]))
    encoded = Trial(
        method="avif-reencode",
        make=at(quality),
        guess=partial(_guess, recipe=recipe, quality=quality, speed=speed),
        knob=Knob(low=quality, high=100, at=at),
        loss=AGAIN[recipe.strength],
    )
    return (encoded, stripped)


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame as RGB or RGBA uint8, or uint16 for a deep still, cropped, orientation not applied."""
    info = _probe(data, Limits())
    if info.bit_depth > 8 and info.frames == 1 and not info.has_alpha:
        yield _decode_deep(data, info.orientation)
        return
    try:
        image = open_with_pillow(data, "AVIF")
        first = load_pixels(image)
    except BadImage:
        yield _decode_deep(data, info.orientation)  # libheif reads some files that libavif is too strict for
        return
    if getattr(image, "n_frames", 1) == 1:
        # libavif takes no notice of an aperture; one that counts begins at the first pixel.
        whole = np.asarray(first)
        yield whole[: info.height_px, : info.width_px] if "crop" in info.untouchable else whole
        return
    for number in range(getattr(image, "n_frames", 1)):
        try:
            image.seek(number)
        except Exception as error:
            raise BadImage("the AVIF has a frame that does not decode") from error
        yield np.asarray(load_pixels(image))


# What undoes an orientation, by its EXIF number.
_UNTURNED: dict[int, Callable[[Array], Array]] = {
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.swapaxes(0, 1),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: shown[::-1, ::-1].swapaxes(0, 1),
    8: lambda shown: np.rot90(shown, -1),
}


def _decode_deep(data: bytes, orientation: int) -> Array:
    """As it is stored: libheif turns pictures as their boxes say, which is undone."""
    pyvips = vips()

    try:
        image = pyvips.Image.heifload_buffer(data)
        pixels: Array = image.numpy()
    except pyvips.Error as error:
        raise BadImage("the AVIF data does not decode") from error
    return np.ascontiguousarray(_UNTURNED[orientation](pixels)) if orientation in _UNTURNED else pixels


def _stripped(source: Source, recipe: Recipe) -> bytes:
    """Private items blanked."""
    return isobmff.strip(source.data) if recipe.strip_metadata else source.data


def _again(source: Source, recipe: Recipe, quality: int, speed: int) -> bytes:
    """The picture at a quality, with what must travel."""
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
        speed=speed,
        subsampling="4:2:0" if quality < 85 else "4:4:4",
        max_threads=1,
        **extra,
    )
    return out.getvalue()


_SAMPLED_PIXELS = 600_000


def _guess(source: Source, recipe: Recipe, quality: int, speed: int) -> Forecast:
    """The encode of all but small pictures from 128-pixel tiles."""
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_SAMPLED_PIXELS)
    part = source.with_frame(sample.frame if sample else whole)
    if source.info.bit_depth > 8:
        image = vips().Image.new_from_array(part.picture.first, interpretation="rgb16")
        encoded = _encode_deep(image, part, quality, keep="none")
    else:
        encoded = _again(part, recipe, quality, speed)
    score = tile_score(part.picture.first, next(_frames(encoded)))
    if sample is None:
        return Forecast(size_bytes=len(encoded), spread=0.002, score=score)
    return Forecast(size_bytes=sample.whole(len(encoded), 400), strategy=Strategy.SAMPLE, spread=0.06, score=score)


# At equal score 4:4:4 is 2 to 3 % smaller from about 45 on, and keeps coloured edges. Of eleven drawings it was smaller
# at any quality: at a score of 77 by 7 % (median; 25 at most, one was 3 % larger), at 60 by 4 %.
_WHOLE_CHROMA_FROM, _DRAWN_FLATNESS = 45, 0.3


# libheif's effort for ours: from 6 on it takes 20 to 40 seconds a megapixel for 2 % of the bytes.
_EFFORTS = (0, 1, 2, 3, 3, 4, 4, 4, 5, 5)


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation as AVIF: 8 bit, or 10 bit where a still is deep."""
    quality = 100 if wish.lossless else round(wish.quality)
    if len(picture.frames) > 1:
        return _animation(picture, wish, quality)
    frame = picture.first
    if frame.ndim == 2:
        frame = np.stack([frame] * 3, axis=-1)
    whole = quality >= _WHOLE_CHROMA_FROM or flatness(frame) > _DRAWN_FLATNESS
    if frame.dtype == np.uint16 or wish.lossless or not features.check("avif"):
        return _by_libheif(frame, wish, quality, whole_chroma=whole)
    out = io.BytesIO()
    Image.fromarray(frame).save(
        out,
        "AVIF",
        quality=quality,
        speed=_speed_for(wish.effort, 6),
        subsampling="4:4:4" if whole else "4:2:0",
        max_threads=1,
        advanced=_ADVANCED,
        **({"exif": wish.exif} if wish.exif else {}),
    )
    return out.getvalue()


def _by_libheif(frame: Array, wish: Encoding, quality: int, *, whole_chroma: bool) -> bytes:
    deep = frame.dtype == np.uint16
    image = vips().Image.new_from_array(np.ascontiguousarray(frame), interpretation="rgb16" if deep else "srgb")
    if wish.exif is not None:
        image = image.copy()
        image.set_type(vips().GValue.blob_type, "exif-data", b"Exif\0\0" + wish.exif)
    made: bytes = image.heifsave_buffer(
        Q=quality,
        compression="av1",
        effort=3 if wish.effort is None else _EFFORTS[wish.effort],
        bitdepth=10 if deep else 8,
        subsample_mode="off" if whole_chroma else "on",
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
    return with_plays(out.getvalue(), 0 if picture.plays is None else picture.plays)


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


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    eyes=vips_eyes("heifload"),
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            # Medians over two dozen photographs.
            looks=((30, 40.9), (45, 61.3), (60, 75.6), (70, 81.6), (80, 85.9), (90, 90.0)),
            looks_drawn=((20, 59.1), (32, 72.0), (45, 80.6), (61, 88.5), (75, 90.7), (90, 93.3)),  # ten drawings
            deep=True, moves=True, plays=True, usual_share=0.75, quality_step=1.6, most_side_px=_MOST_SIDE_PX,
        ),
    ),
    metadata=partial(metadata_by_pillow, pillow_format="AVIF"),
)  # fmt: skip

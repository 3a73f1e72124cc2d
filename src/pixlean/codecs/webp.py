"""WebP, still and animated: lossy stays lossy, lossless stays lossless, timing and loop stay."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import libwebp
from pixlean.imaging.chroma import bleeds
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Abilities, Codec, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import vips_eyes
from pixlean.imaging.metadata import is_only_orientation, metadata_by_pillow, orientation_exif, read_exif
from pixlean.imaging.pixels import Array, Picture, is_opaque, load_pixels, open_with_pillow
from pixlean.imaging.riff import (
    ALPHA,
    ANIMATION,
    EXIF,
    ICC,
    XMP,
    as_shown,
    chunk,
    chunks,
    frame_area_px,
    frame_duration_ms,
    riff,
    said_to_have_alpha,
    shows_through,
)
from pixlean.imaging.sampling import tile_score, tiles
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import AGAIN_WEBP

_PICTURE = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}


def _bitstream_size(kind: bytes, body: bytes) -> tuple[int, int, bool]:
    """Width, height and alpha hint of a VP8 or VP8L bitstream."""
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    raise BadImage("the WebP has a bitstream that is none")


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the RIFF chunks; see ``contract.Codec``."""
    width = height = 0
    alpha = False
    streams: set[bytes] = set()
    icc: bytes | None = None
    orientation, loop = 1, None
    kinds: set[str] = set()
    heads: list[bytes] = []
    extended = False
    for kind, body in chunks(data, limits):
        if kind == b"VP8X" and len(body) >= 10:
            extended = True
            width = int.from_bytes(body[4:7], "little") + 1
            height = int.from_bytes(body[7:10], "little") + 1
            limits.check_picture(width, height)
            alpha |= bool(body[0] & ALPHA)
        elif kind in (b"VP8 ", b"VP8L"):
            streams.add(kind)
            stream_width, stream_height, hint = _bitstream_size(kind, body)
            if not extended:
                width, height = stream_width, stream_height
            elif (stream_width, stream_height) != (width, height):
                raise BadImage("the WebP's canvas and its bitstream differ in size")
            alpha |= hint
        elif kind == b"ALPH":
            alpha = True
        elif kind == b"ANIM" and len(body) >= 6:
            loop = int.from_bytes(body[4:6], "little")
        elif kind == b"ANMF" and len(body) >= 16:
            heads.append(body[:16])
            streams |= {name for name in (b"VP8 ", b"VP8L") if name in (body[16:20], body[24:28])} or {b"VP8 "}
            limits.check("max_frames", len(heads))
        elif kind == b"ICCP":
            icc = body
            limits.check("max_icc_bytes", len(body))
        elif kind == b"EXIF":
            orientation, found = read_exif(body)
            kinds |= set() if is_only_orientation(body) else found
        elif kind == b"XMP ":
            kinds |= {"xmp", "gps"} if b"exif:GPS" in body else {"xmp"}
        elif kind not in _PICTURE:
            kinds.add("text")
    if not width or not height or not streams:
        raise BadImage("the WebP has no picture")
    alpha |= shows_through((width, height), heads)
    count = len(heads) or 1
    limits.check_picture(width, height, frames=count)
    limits.check("max_total_pixels", sum(frame_area_px(head) for head in heads))
    return ImageInfo(
        format=Format.WEBP,
        width_px=width,
        height_px=height,
        mode="RGBA" if alpha else "RGB",
        frames=count,
        durations_ms=tuple(frame_duration_ms(head) for head in heads),
        loop_count=loop if heads else None,
        plays=loop if len(heads) > 1 else None,
        orientation=orientation,
        has_alpha=alpha,
        icc=icc,
        metadata=frozenset(kinds),
        lossless=streams == {b"VP8L"},
    )


# A result that scores too low gets a slightly better quality before the picture stays as it was.
_BETTER = 5


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Lossless sources may become lossy below quality 70 only; animations are re-encoded frame by frame."""
    found: list[Trial] = []
    if info.lossless and recipe.strength is not Strength.HIGH and recipe.quality < 100:
        found.append(_packed_again(recipe))
    if not info.lossless or recipe.strength is not Strength.LOW:
        found.append(_again(recipe, recipe.quality))
        if info.frames == 1:  # an animation is not encoded twice
            found.append(replace(_again(recipe, min(95, recipe.quality + _BETTER)), unless_below=1.0))
    if info.lossless and not any(trial.lossless for trial in found):
        found.append(_packed_again(recipe))
    return (*found, _strip(recipe))


def _again(recipe: Recipe, quality: int) -> Trial:
    """The picture at a quality."""

    def at(quality: float) -> Make:
        return partial(_lossy_again, recipe=recipe, quality=round(quality))

    return Trial(
        method="libwebp",
        make=at(quality),
        guess=partial(_guess_lossy, recipe=recipe, quality=quality),
        knob=Knob(low=quality, high=100, at=at),
        loss=AGAIN_WEBP[recipe.strength],
    )


def _packed_again(recipe: Recipe) -> Trial:
    """The same pixels, packed again."""
    return Trial(
        method="libwebp (lossless)",
        make=partial(_lossless_again, recipe=recipe),
        guess=partial(_guess_lossless, recipe=recipe),
        lossless=True,
        unless_below=0.5,
    )


def _strip(recipe: Recipe) -> Trial:
    """Private chunks cut out."""
    make = partial(_dressed_source, recipe=recipe)
    return Trial(
        method="metadata-strip", make=make, guess=run_it(make), lossless=True, verbatim=True, unless_below=0.99
    )


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited, as RGB or RGBA."""
    image = open_with_pillow(as_shown(data), "WEBP")
    frames = getattr(image, "n_frames", 1)
    if frames < sum(kind == b"ANMF" for kind, _ in chunks(data, None)):
        raise BadImage("the WebP has a frame that does not decode")  # the decoder passes over it and says nothing
    for number in range(frames):
        try:
            image.seek(number)
        except Exception as error:
            raise BadImage("the WebP has a frame that does not decode") from error
        yield np.asarray(load_pixels(image))


def _eyes(data: bytes) -> tuple[Array, ...] | None:
    return vips_eyes("webpload")(as_shown(data))


def _shrunk(data: bytes, factor: float, left: float) -> Any | None:
    """The picture decoded at a fraction of its size, where that saves enough."""
    return vips().Image.webpload_buffer(data, scale=left / factor) if factor >= 1.5 * left else None


def _dressed_source(source: Source, recipe: Recipe) -> bytes:
    return _dress(source.data, source, recipe)


def _lossy_again(source: Source, recipe: Recipe, quality: int) -> bytes:
    if source.info.frames > 1:
        return _dress(_encode_animation(source, lossless=False, quality=quality), source, recipe)
    encoded = _lossy(source.picture.first, quality, effort=_method_for(recipe.effort, 6))
    return _dress(encoded, source, recipe)


def _lossless_again(source: Source, recipe: Recipe) -> bytes:
    if source.info.frames > 1:
        return _dress(_encode_animation(source, lossless=True, quality=80), source, recipe)
    pixels = source.picture.first
    out = io.BytesIO()
    method = _method_for(recipe.effort, 6 if pixels.shape[0] * pixels.shape[1] <= 500_000 else 4)
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=90, method=method, exact=True)
    return _dress(out.getvalue(), source, recipe)


# What the two-dozen-pictures' median of the full effort takes, against these quicker settings.
_QUICK_LOSSY, _QUICK_LOSSLESS, _EXACT_PIXELS, _QUICK_PIXELS = 0.92, 0.975, 800_000, 4_000_000


def _guess_lossy(source: Source, recipe: Recipe, quality: int) -> Forecast:
    """Stills at a lower effort, times what more effort is worth; from tiles above four megapixels."""
    if source.info.frames > 1:
        return Forecast(size_bytes=len(_lossy_again(source, recipe, quality)))
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_QUICK_PIXELS)
    pixels = sample.frame if sample else whole
    encoded = _lossy(pixels, quality, effort=2)
    size = round((sample.whole(len(encoded), 60) if sample else len(encoded)) * _QUICK_LOSSY)
    return Forecast(
        size_bytes=size + len(_dress(encoded, source, recipe)) - len(encoded),
        strategy=Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE,
        spread=0.055,
        score=tile_score(pixels, np.asarray(load_pixels(open_with_pillow(encoded, "WEBP")))),
    )


def _guess_lossless(source: Source, recipe: Recipe) -> Forecast:
    """The same with pixels that stay, from tiles above 0.8 megapixels."""
    if source.info.frames > 1:
        return Forecast(size_bytes=len(_lossless_again(source, recipe)))
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_EXACT_PIXELS)
    encoded = _quick_lossless(sample.frame if sample else whole)
    size = round((sample.whole(len(encoded), 60) if sample else len(encoded)) * _QUICK_LOSSLESS)
    return Forecast(
        size_bytes=size + len(_dress(encoded, source, recipe)) - len(encoded),
        strategy=Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE,
        spread=0.07,
    )


def _quick_lossless(pixels: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=50, method=1, exact=True)
    return out.getvalue()


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation (8 bit) as WebP."""
    effort = _method_for(wish.effort, 4)
    if len(picture.frames) > 1:
        total_pixels = len(picture.frames) * picture.first.shape[0] * picture.first.shape[1]
        thorough = effort >= 3 and total_pixels <= _THOROUGH_PIXELS
        if not thorough:
            effort = min(2, effort)
        made = _animated(picture, lossless=wish.lossless, quality=wish.quality, effort=effort, thorough=thorough)
    elif wish.lossless:
        out = io.BytesIO()
        Image.fromarray(picture.first).save(out, "WEBP", lossless=True, quality=90, method=effort, exact=False)
        made = out.getvalue()
    else:
        pixels = picture.first if picture.first.ndim == 3 else np.stack([picture.first] * 3, axis=-1)
        made = _lossy(pixels, wish.quality, effort=_method_for(wish.effort, 6))
    return made if wish.exif is None else _with_exif(made, wish.exif)


def _with_exif(data: bytes, exif: bytes) -> bytes:
    """A WebP with this EXIF body in place of its own."""
    info = _probe(data, Limits())
    flags = EXIF | (ALPHA if info.has_alpha else 0) | (ANIMATION if info.frames > 1 else 0)
    kept = []
    for kind, body in chunks(data, Limits()):
        if kind == b"VP8X":
            flags |= body[0]
        elif kind != b"EXIF":
            kept.append(chunk(kind, body))
    canvas = (info.width_px - 1).to_bytes(3, "little") + (info.height_px - 1).to_bytes(3, "little")
    return riff([chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas), *kept, chunk(b"EXIF", exif)])


def _method_for(effort: int | None, usual: int) -> int:
    """libwebp's method, 0 to 6."""
    return usual if effort is None else round(effort * 6 / 9)


_SHARP_METHOD = 4


def _lossy(pixels: Array, quality: float, *, effort: int) -> bytes:
    if pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    sharp = effort >= _SHARP_METHOD and bleeds(pixels)
    if libwebp.available():
        return libwebp.encode(pixels, quality=quality, effort=libwebp.Effort(method=effort, sharp_chroma=sharp))
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.webpsave_buffer(Q=round(quality), effort=effort, smart_subsample=sharp, keep="none")
    return made


def _encode_animation(source: Source, *, lossless: bool, quality: int) -> bytes:
    timed = replace(source.picture, durations_ms=source.info.durations_ms, plays=source.info.plays)
    return _animated(timed, lossless=lossless, quality=quality, effort=4, thorough=True)


# Key frames and lossless frames everywhere halve what GIFs become, at higher scores, for 60 to 230 ms of CPU a frame
# and megapixel; above this (300 frames of 0.08 megapixels) a request would take longer than anybody waits.
_THOROUGH_PIXELS = 25_000_000


def _animated(picture: Picture, *, lossless: bool, quality: float, effort: int, thorough: bool) -> bytes:
    """``thorough`` tries key frames and lossless frames everywhere, which takes many times as long."""
    shown = [Image.fromarray(frame) for frame in picture.frames]
    out = io.BytesIO()
    shown[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=shown[1:],
        duration=list(picture.durations_ms),
        loop=1 if picture.plays is None else picture.plays,
        lossless=lossless,
        quality=quality,
        method=effort,
        minimize_size=thorough,
        allow_mixed=thorough and not lossless,
        exact=lossless,
    )
    seen_through = not all(is_opaque(frame) for frame in picture.frames)
    return said_to_have_alpha(out.getvalue()) if seen_through else out.getvalue()


def _dress(made: bytes, source: Source, recipe: Recipe) -> bytes:
    """``made``'s picture chunks with the profile, orientation and metadata that must travel."""
    info = source.info
    profile = icc_to_keep(info.icc, strip_metadata=recipe.strip_metadata)
    exif = [body for kind, body in chunks(source.data, Limits()) if kind == b"EXIF"][:1]
    xmp = [body for kind, body in chunks(source.data, Limits()) if kind == b"XMP "][:1]
    other = [
        chunk(kind, body)
        for kind, body in chunks(source.data, Limits())
        if kind not in _PICTURE | {b"VP8X", b"ICCP", b"EXIF", b"XMP "}
    ]
    if recipe.strip_metadata:
        exif, xmp, other = ([orientation_exif(info.orientation)] if info.orientation != 1 else []), [], []
    picture = [(kind, body) for kind, body in chunks(made, Limits()) if kind in _PICTURE]
    simple = not (profile or exif or xmp or other) and len(picture) == 1
    if simple:
        return riff([chunk(*picture[0])])
    alpha = info.has_alpha
    flags = (ICC if profile else 0) | (ALPHA if alpha else 0) | (EXIF if exif else 0) | (XMP if xmp else 0)
    flags |= ANIMATION if info.frames > 1 or any(kind == b"ANMF" for kind, _ in picture) else 0
    canvas = (info.width_px - 1).to_bytes(3, "little") + (info.height_px - 1).to_bytes(3, "little")
    dressed = [chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas)]
    dressed += [chunk(b"ICCP", profile)] if profile else []
    dressed += [chunk(kind, body) for kind, body in picture]
    dressed += [chunk(b"EXIF", body) for body in exif] + [chunk(b"XMP ", body) for body in xmp] + other
    return riff(dressed)


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    eyes=_eyes,
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            looks=((45, 61.0), (60, 67.0), (70, 70.6), (80, 76.8), (90, 85.2)),  # medians over two dozen photographs
            moves=True, plays=True, lossless=True, usual_share=0.9, quality_step=0.1, most_side_px=16_383,
            most_plays=65_535,
        ),
    ),
    with_exif=_with_exif,
    metadata=partial(metadata_by_pillow, pillow_format="WEBP"),
    shrunk=_shrunk,
)  # fmt: skip

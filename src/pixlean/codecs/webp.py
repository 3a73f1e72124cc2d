"""WebP, still and animated: lossy stays lossy, lossless stays lossless, timing and loop stay."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

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
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import Source
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly, tile_score, tiles
from pixlean.imaging.vips import vips

_ICC, _ALPHA, _EXIF, _XMP, _ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02
_PICTURE = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}


def _chunks(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    at, count = 12, 0
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            raise BadImage("the WebP ends inside a chunk")
        count += 1
        limits.check("max_chunks", count)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + (b"\0" if len(body) & 1 else b"")


def _riff(chunks: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _bitstream_size(kind: bytes, body: bytes) -> tuple[int, int, bool]:
    """Width, height and alpha hint of a VP8 or VP8L bitstream."""
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    raise BadImage("the WebP has a bitstream that is none")


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the RIFF chunks; see ``contract.Codec.probe``."""
    width = height = 0
    alpha = False
    streams: set[bytes] = set()
    icc: bytes | None = None
    orientation, loop = 1, None
    kinds: set[str] = set()
    durations: list[int] = []
    area = 0
    extended = False
    for kind, body in _chunks(data, limits):
        if kind == b"VP8X" and len(body) >= 10:
            extended = True
            width = int.from_bytes(body[4:7], "little") + 1
            height = int.from_bytes(body[7:10], "little") + 1
            limits.check_picture(width, height)
            alpha |= bool(body[0] & _ALPHA)
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
            durations.append(int.from_bytes(body[12:15], "little"))
            area += (int.from_bytes(body[6:9], "little") + 1) * (int.from_bytes(body[9:12], "little") + 1)
            streams |= {name for name in (b"VP8 ", b"VP8L") if name in (body[16:20], body[24:28])} or {b"VP8 "}
            limits.check("max_frames", len(durations))
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
    count = len(durations) or 1
    limits.check_picture(width, height, frames=count)
    limits.check("max_total_pixels", area)
    return ImageInfo(
        format=Format.WEBP,
        width_px=width,
        height_px=height,
        mode="RGBA" if alpha else "RGB",
        frames=count,
        durations_ms=tuple(durations),
        loop_count=loop if durations else None,
        orientation=orientation,
        has_alpha=alpha,
        icc=icc,
        metadata=frozenset(kinds),
        lossless=streams == {b"VP8L"},
    )


# WebP's scale against the recipe's: the encoder's quality that a preset means, and what a lossy
# source must save before a further generation is worth its loss.
_MUST_GAIN = {Strength.HIGH: 0.05, Strength.MEDIUM: 0.08, Strength.LOW: 0.10}
_FLOOR = {Strength.HIGH: 25.0, Strength.MEDIUM: 45.0, Strength.LOW: 60.0}
_BETTER = 5


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Lossless sources may become lossy below quality 70 only; animations are re-encoded frame by frame."""
    found: list[Trial] = []
    again = "libwebp"
    if info.lossless and recipe.strength is not Strength.HIGH and recipe.quality < 100:
        found.append(_lossless(again))
    if not info.lossless or recipe.strength is not Strength.LOW:
        first = Trial(
            kind=TrialKind.ENCODE,
            method=again,
            why="the picture at the wanted quality",
            parameters=MappingProxyType({"quality": recipe.quality, "lossless": False}),
            must_gain=_MUST_GAIN[recipe.strength],
            floor_score=_FLOOR[recipe.strength],
            quality_parameter="quality",
        )
        # Only where the first one scores too low; an animation is not encoded twice.
        better = MappingProxyType({"quality": min(95, recipe.quality + _BETTER), "lossless": False})
        second = replace(first, why="a better quality", parameters=better, unless_below=1.0)
        found += [first, second] if info.frames == 1 else [first]
    if info.lossless and not any(trial.lossless for trial in found):
        found.append(_lossless(again))
    return (*found, _STRIP)


def _lossless(method: str) -> Trial:
    return Trial(
        kind=TrialKind.ENCODE,
        method=f"{method} (lossless)",
        why="the same pixels, packed again",
        parameters=MappingProxyType({"lossless": True}),
        lossless=True,
        unless_below=0.5,
    )


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private chunks cut out", lossless=True, unless_below=0.99
)


def frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited."""
    image = open_with_pillow(data, "WEBP")
    for number in range(getattr(image, "n_frames", 1)):
        try:
            image.seek(number)
        except Exception as error:
            raise BadImage("the WebP has a frame that does not decode") from error
        yield np.asarray(load_pixels(image))


def decode(data: bytes) -> Picture:
    """All frames as RGB or RGBA."""
    shown = tuple(frames(data))
    return Picture(frames=shown, mode="RGBA" if shown[0].shape[-1] == 4 else "RGB")


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return _dress(source.data, source, recipe)
    lossless, quality = bool(trial.parameters["lossless"]), int(trial.parameters.get("quality") or 80)
    if source.info.frames > 1:
        return _dress(_encode_animation(source, lossless=lossless, quality=quality), source, recipe)
    return _dress(
        _encode_still(source.picture.first, recipe.effort, lossless=lossless, quality=quality), source, recipe
    )


# What the two-dozen-pictures' median of the full effort takes, against these quicker settings.
_QUICK_LOSSY, _QUICK_LOSSLESS, _SHARP_PIXELS, _QUICK_PIXELS = (0.90, 0.92), 0.975, 800_000, 4_000_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """Stills at a lower effort, times what more effort is worth; from tiles above four megapixels; the rest is run."""
    if trial.method == "metadata-strip" or source.info.frames > 1:
        return exactly(run(source, trial, recipe))
    whole = source.picture.first
    lossless, quality = bool(trial.parameters["lossless"]), int(trial.parameters.get("quality") or 80)
    sample = tiles(whole, tile_px=128, most_px=_SHARP_PIXELS if lossless else _QUICK_PIXELS)
    pixels = sample.frame if sample else whole
    sharp = pixels.shape[0] * pixels.shape[1] <= _SHARP_PIXELS
    made = _quick_lossless(pixels) if lossless else _lossy(pixels, quality, effort=2, sharp=sharp)
    ratio = _QUICK_LOSSLESS if lossless else _QUICK_LOSSY[0 if sharp else 1]
    size = round((sample.whole(len(made), 60) if sample else len(made)) * ratio)
    size += len(_dress(made, source, recipe)) - len(made)
    score = None
    if trial.floor_score is not None:
        score = tile_score(pixels, np.asarray(load_pixels(open_with_pillow(made, "WEBP"))))
    spread = 0.07 if lossless else 0.045 if sharp else 0.065
    strategy = Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE
    return Forecast(size_bytes=size, strategy=strategy, spread=spread, score=score)


def _quick_lossless(pixels: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=50, method=1, exact=True)
    return out.getvalue()


def encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation (8 bit) as WebP."""
    effort = _method_for(wish.effort, 4)
    if len(picture.frames) > 1:
        made = _animated(picture, lossless=wish.lossless, quality=wish.quality, effort=min(2, effort), thorough=False)
    elif wish.lossless:
        out = io.BytesIO()
        Image.fromarray(picture.first).save(out, "WEBP", lossless=True, quality=90, method=effort, exact=False)
        made = out.getvalue()
    else:
        pixels = picture.first if picture.first.ndim == 3 else np.stack([picture.first] * 3, axis=-1)
        made = _lossy(pixels, wish.quality, effort=effort, sharp=wish.careful or effort > 4)
    return made if wish.exif is None else with_exif(made, wish.exif)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A WebP with this EXIF body in place of its own."""
    info = probe(data, Limits())
    flags = _EXIF | (_ALPHA if info.has_alpha else 0) | (_ANIMATION if info.frames > 1 else 0)
    chunks = []
    for kind, body in _chunks(data, Limits()):
        if kind == b"VP8X":
            flags |= body[0]
        elif kind != b"EXIF":
            chunks.append(_chunk(kind, body))
    canvas = (info.width_px - 1).to_bytes(3, "little") + (info.height_px - 1).to_bytes(3, "little")
    return _riff([_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas), *chunks, _chunk(b"EXIF", exif)])


def _method_for(effort: int | None, usual: int) -> int:
    """libwebp's method, 0 to 6."""
    return usual if effort is None else round(effort * 6 / 9)


def _encode_still(pixels: Array, effort: int | None, *, lossless: bool, quality: int) -> bytes:
    if lossless:
        out = io.BytesIO()
        method = _method_for(effort, 6 if pixels.shape[0] * pixels.shape[1] <= 500_000 else 4)
        Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=90, method=method, exact=True)
        return out.getvalue()
    return _lossy(pixels, quality, effort=_method_for(effort, 6), sharp=True)


def _lossy(pixels: Array, quality: int, *, effort: int, sharp: bool) -> bytes:
    pyvips = vips()

    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.webpsave_buffer(Q=quality, effort=effort, smart_subsample=sharp, keep="none")
    return made


def _encode_animation(source: Source, *, lossless: bool, quality: int) -> bytes:
    timed = replace(source.picture, durations_ms=source.info.durations_ms, loop_count=source.info.loop_count)
    return _animated(timed, lossless=lossless, quality=quality, effort=4, thorough=True)


def _animated(picture: Picture, *, lossless: bool, quality: int, effort: int, thorough: bool) -> bytes:
    """``thorough`` tries key frames and lossless frames everywhere, which takes many times as long."""
    shown = [Image.fromarray(frame) for frame in picture.frames]
    out = io.BytesIO()
    shown[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=shown[1:],
        duration=list(picture.durations_ms),
        loop=picture.loop_count or 0,
        lossless=lossless,
        quality=quality,
        method=effort,
        minimize_size=thorough,
        allow_mixed=thorough and not lossless,
        exact=lossless,
    )
    return out.getvalue()


def _dress(made: bytes, source: Source, recipe: Recipe) -> bytes:
    """``made``'s picture chunks with the profile, orientation and metadata that must travel."""
    info = source.info
    profile = icc_to_keep(info.icc, strip_metadata=recipe.strip_metadata)
    exif = [body for kind, body in _chunks(source.data, Limits()) if kind == b"EXIF"][:1]
    xmp = [body for kind, body in _chunks(source.data, Limits()) if kind == b"XMP "][:1]
    other = [
        _chunk(kind, body)
        for kind, body in _chunks(source.data, Limits())
        if kind not in _PICTURE | {b"VP8X", b"ICCP", b"EXIF", b"XMP "}
    ]
    if recipe.strip_metadata:
        exif, xmp, other = ([orientation_exif(info.orientation)] if info.orientation != 1 else []), [], []
    picture = [(kind, body) for kind, body in _chunks(made, Limits()) if kind in _PICTURE]
    simple = not (profile or exif or xmp or other) and len(picture) == 1
    if simple:
        return _riff([_chunk(*picture[0])])
    alpha = info.has_alpha
    flags = (_ICC if profile else 0) | (_ALPHA if alpha else 0) | (_EXIF if exif else 0) | (_XMP if xmp else 0)
    flags |= _ANIMATION if info.frames > 1 or any(kind == b"ANMF" for kind, _ in picture) else 0
    canvas = (info.width_px - 1).to_bytes(3, "little") + (info.height_px - 1).to_bytes(3, "little")
    chunks = [_chunk(b"VP8X", bytes((flags, 0, 0, 0)) + canvas)]
    chunks += [_chunk(b"ICCP", profile)] if profile else []
    chunks += [_chunk(kind, body) for kind, body in picture]
    chunks += [_chunk(b"EXIF", body) for body in exif] + [_chunk(b"XMP ", body) for body in xmp] + other
    return _riff(chunks)

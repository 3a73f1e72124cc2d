"""PNG and APNG: libimagequant's palettes where allowed, oxipng always, chunks by allow-list."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
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
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif
from pixlean.imaging.pixels import Array, Picture, as_rgb_array, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly, tile_score, tiles
from pixlean.imaging.vips import vips

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_CHANNELS_OF = {_MODES[colour]: count for colour, count in _CHANNELS.items()}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_TEXT = {b"tEXt": "text", b"zTXt": "text", b"iTXt": "text", b"tIME": "text"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi"}
_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"}
_LAYOUT = {b"pHYs"}
# oxipng level 4 saves about 1 % over level 2 for three times the time: spent where a picture is small.
_LEVEL_4_LOSSLESS_PIXELS, _LEVEL_4_PALETTE_PIXELS = 1_000_000, 300_000


def _chunks(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    """All chunks as (type, body), up to IEND; empty IDATs do not count against the limit of chunks."""
    at, count = 8, 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            raise BadImage(f"the PNG ends inside its {kind!r} chunk")
        if kind not in (b"IDAT", b"fdAT"):
            count += 1
            limits.check("max_chunks", count)
        yield kind, data[at + 8 : at + 8 + length]
        if kind == b"IEND":
            return
        at += 12 + length
    raise BadImage("the PNG has no end")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _inflate(body: bytes, limit_bytes: int, limits: Limits, name: str) -> bytes:
    try:
        inflater = zlib.decompressobj()
        out = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise BadImage("the PNG has a compressed chunk that does not inflate") from error
    limits.check(name, len(out))
    return out


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the chunks; see ``contract.Codec.probe``."""
    head: tuple[int, ...] | None = None
    icc: bytes | None = None
    kinds: set[str] = set()
    orientation, transparent, text_bytes, idat = 1, False, 0, 0
    animation: tuple[int, int] | None = None
    cicp: tuple[int, int] | None = None
    durations: list[int] = []
    area = 0
    for kind, body in _chunks(data, limits):
        if kind == b"IHDR" and head is None:
            head = _read_head(body, limits)
        elif head is None:
            raise BadImage("the PNG does not begin with IHDR")
        elif kind == b"acTL" and not idat and len(body) == 8:
            animation = struct.unpack(">II", body)
            limits.check("max_frames", animation[0])
        elif kind == b"fcTL" and len(body) == 26:
            width, height, left, top, top_delay, per = struct.unpack_from(">IIIIHH", body, 4)
            if left + width > head[0] or top + height > head[1] or not width or not height:
                raise BadImage("the APNG has a frame outside its canvas")
            durations.append(round(1000 * top_delay / (per or 100)))
            area += width * height
        elif kind == b"IDAT":
            idat += len(body)
        elif kind == b"tRNS":
            transparent = True
        elif kind == b"cICP" and len(body) == 4:
            cicp = (body[0], body[1])
        elif kind == b"iCCP" and icc is None:
            icc = _read_icc(body, limits)
        elif kind == b"eXIf":
            orientation, found = read_exif(body)
            kinds |= set() if is_only_orientation(body) else found
        elif kind in _TEXT:
            kinds.add("xmp" if body.startswith(b"XML:com.adobe.xmp\0") else "text")
            text_bytes += len(body)
            limits.check("max_text_bytes", text_bytes)
        elif kind not in _PICTURE | _COLOUR | _LAYOUT | {b"bKGD", b"sBIT", b"hIST", b"sPLT"}:
            kinds.add("text")
    if head is None or not idat:
        raise BadImage("the PNG has no picture data")
    width, height, depth, colour = head[:4]
    count = animation[0] if animation else 1
    if animation and (count < 1 or len(durations) != count):
        raise BadImage("the APNG's frames do not match its animation header")
    if animation:
        limits.check_picture(width, height, frames=count)
        limits.check("max_total_pixels", area)
    if width * height > 4_000_000 and (idat * 1100) < width * height * depth * _CHANNELS[colour] // 8:
        raise BadImage("the PNG holds too little data for its size")  # deflate's best ratio is 1032:1
    return ImageInfo(
        format=Format.APNG if animation else Format.PNG,
        width_px=width,
        height_px=height,
        mode=_MODES[colour],
        bit_depth=depth,
        frames=count,
        durations_ms=tuple(durations) if animation else (),
        loop_count=animation[1] if animation else None,
        orientation=orientation,
        has_alpha=colour in (4, 6) or transparent,
        icc=icc,
        metadata=frozenset(kinds),
        lossless=True,
        progressive=bool(head[4]),
        cicp=cicp,  # which outranks a profile (PNG specification, third edition)
    )


def _read_head(body: bytes, limits: Limits) -> tuple[int, ...]:
    if len(body) != 13:
        raise BadImage("the PNG's header has the wrong length")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
    if not width or not height or depth not in _DEPTHS.get(colour, ()) or body[10] or body[11] or interlace > 1:
        raise BadImage("the PNG's header is not valid")
    limits.check_picture(width, height, bytes_per_pixel=max(1, _CHANNELS[colour] * depth // 8))
    return width, height, depth, colour, interlace


def _read_icc(body: bytes, limits: Limits) -> bytes | None:
    name_end = body.find(b"\0")
    if name_end < 0 or len(body) < name_end + 3:
        return None
    try:
        return _inflate(body[name_end + 2 :], limits.max_icc_bytes, limits, "max_icc_bytes")
    except BadImage:
        return None


# libimagequant's qualities, the next one for pictures that the first one spoils, and the SSIMULACRA2 below which a
# palette is not used, by strength. Measured against pngquant --speed 3: fewer bytes at a score no lower.
_PALETTE = {Strength.HIGH: ((55, 80), 45.0), Strength.MEDIUM: ((75, 95), 60.0), Strength.LOW: ((100,), 88.0)}
_DITHER = 0.5


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A palette where loss is allowed, oxipng in any case."""
    lossless = Trial(
        kind=TrialKind.REPACK,
        method="oxipng",
        why="the same pixels, better filters and deflate",
        lossless=True,
        unless_below=0.70,
    )
    may_lose = (
        recipe.png_lossy
        and recipe.quality < 100
        and info.format is Format.PNG
        and info.bit_depth == 8
        and info.mode != "P"  # a palette was chosen before: choosing again would wear the picture down
        and (info.mode != "L" or recipe.strength is not Strength.LOW)
    )
    if not may_lose:
        return (lossless, _STRIP)
    qualities, floor = _PALETTE[recipe.strength]
    quantised = (
        Trial(
            kind=TrialKind.ENCODE,
            method="libimagequant + oxipng",
            why="256 dithered colours, as near as the floor asks",
            parameters=MappingProxyType({"quality": quality, "dither": _DITHER}),
            floor_score=floor,
            must_gain=0.02,
            unless_below=1.0,
        )
        for quality in qualities
    )
    return (*quantised, lossless, _STRIP)


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private chunks cut out", lossless=True, unless_below=0.99
)


def frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited as a player shows it; a still has one."""
    if _depth(data) == 16 and b"acTL" not in data[:200]:
        yield _decode_deep(data)
        return
    image = open_with_pillow(data, "PNG")
    count = getattr(image, "n_frames", 1)
    hidden = 1 if count > 1 and image.info.get("default_image") else 0
    for number in range(hidden, count + hidden if hidden and image.info.get("default_image") else count):
        try:
            image.seek(number)
        except EOFError:
            return
        except Exception as error:
            raise BadImage("the APNG has a frame that does not decode") from error
        yield as_rgb_array(load_pixels(image))


def _depth(data: bytes) -> int:
    return data[24] if len(data) > 24 else 0


def _decode_deep(data: bytes) -> Array:
    import imagecodecs

    try:
        pixels = np.asarray(imagecodecs.png_decode(data))
    except Exception as error:
        raise BadImage("the PNG data does not decode") from error
    return pixels


def decode(data: bytes) -> Picture:
    """All frames; a 16-bit still as uint16."""
    shown = tuple(frames(data))
    return Picture(frames=shown, mode={2: "L"}.get(shown[0].ndim, "RGBA" if shown[0].shape[-1] == 4 else "RGB"))


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return _select_chunks(source.data, source.info, recipe)
    if trial.method == "oxipng":
        return _oxipng(_select_chunks(source.data, source.info, recipe), source.info, recipe.effort, lossless=True)
    return _quantise(source, trial, recipe)


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """Palettes and oxipng at their lowest effort, times what more effort is worth; the rest is run.

    The ratios were fitted to 79 pictures of many kinds; their spread is what was left of the error.
    """
    if trial.method == "metadata-strip":
        return exactly(run(source, trial, recipe))
    return _forecast_exact(source, recipe) if trial.lossless else _forecast_palette(source, trial, recipe)


_QUICK_PALETTE_PIXELS = 700_000
# The quick palette scores up to 40 points below the one that counts; under this the good one fails its floor too.
_HOPELESS_SCORE = 32.0


def _forecast_palette(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_QUICK_PALETTE_PIXELS)
    pixels = sample.frame if sample else whole
    made = _palette_png(pixels, trial, effort=1)
    bits = 8 * len(made) / (pixels.shape[0] * pixels.shape[1])
    ratio = math.exp(-0.400 + 0.0554 * bits - 0.0659 * math.log(bits + 0.05))
    size = round((sample.whole(len(made), 900) if sample else len(made)) * ratio)
    size += len(_with_colour_of(source, made, recipe)) - len(made)
    if tile_score(pixels, as_rgb_array(load_pixels(open_with_pillow(made, "PNG")))) < _HOPELESS_SCORE:
        raise DropTrial("would score too low")
    strategy = Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE
    return Forecast(size_bytes=size, strategy=strategy, spread=0.14 if sample else 0.10)


_LEVEL_1_PIXELS, _LEVEL_0_PIXELS = 500_000, 2_000_000


def _forecast_exact(source: Source, recipe: Recipe) -> Forecast:
    data = _select_chunks(source.data, source.info, recipe)
    pixels = source.info.pixels
    if pixels > _LEVEL_0_PIXELS and not source.info.progressive and source.info.bit_depth == 8:
        return _forecast_rows(source, data)
    level = 1 if pixels <= _LEVEL_1_PIXELS else 0
    quick = len(_oxipng_at(level, data, source.info, lossless=True, force=True))
    bits = math.log(1 + 8 * quick / pixels)
    ratio = 0.94 + 0.017 * bits if level == 1 else 0.86 + 0.03 * bits
    spread = 0.015 + 0.04 / (1 + bits) if level == 1 else 0.02 + 0.08 / (1 + bits)
    # A source that the quick attempt can't come near was packed well before: there is nothing to win.
    packed_well = quick > len(data) * (1.0 if level == 1 else 1.12)
    size = len(data) if packed_well else round(min(quick * ratio, len(data)))
    return Forecast(size_bytes=size, strategy=Strategy.DIRECT_ENCODE, spread=spread)


def _forecast_rows(source: Source, data: bytes) -> Forecast:
    """Stripes of rows packed again, against what the same rows take in the file: inflating it tells how much."""
    packed = b"".join(body for kind, body in _chunks(data, Limits()) if kind == b"IDAT")
    whole = source.picture.first
    rows, stripe = whole.shape[0], 16
    count = max(2, 200_000 // (whole.shape[1] * stripe))
    tops = [round(top) for top in np.linspace(0, rows - stripe, count)]
    spent = _bytes_up_to_row(packed, source.info)
    before = sum(spent[top + stripe] - spent[top] for top in tops)
    out = io.BytesIO()
    cut = np.concatenate([whole[top : top + stripe] for top in tops])
    Image.fromarray(cut).save(out, "PNG", compress_level=1)
    after = len(_oxipng_at(2, out.getvalue(), source.info, lossless=True))
    size = len(data) - len(packed) + round(len(packed) * min(1.0, after / max(1.0, before)))
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.06)


def _bytes_up_to_row(packed: bytes, info: ImageInfo) -> Array:
    """How many compressed bytes a PNG's picture has spent when each row begins, and at its end."""
    inflater = zlib.decompressobj()
    step = max(512, len(packed) // 2000)
    given, got = [0], [0]
    for at in range(0, len(packed), step):
        try:
            got.append(got[-1] + len(inflater.decompress(packed[at : at + step])))
        except zlib.error as error:
            raise BadImage("the PNG data does not decode") from error
        given.append(min(len(packed), at + step))
    row_bytes = 1 + (info.width_px * _CHANNELS_OF[info.mode] * info.bit_depth + 7) // 8
    return np.interp(np.arange(info.height_px + 1) * row_bytes, got, given)


def _select_chunks(data: bytes, info: ImageInfo, recipe: Recipe) -> bytes:
    """The PNG with the chunks that must travel: picture and colour always, the rest unless stripped."""
    out = bytearray(SIGNATURE)
    for kind, body in _chunks(data, Limits()):
        if kind in _PICTURE | _COLOUR | _LAYOUT or (kind == b"sBIT"):
            out += _chunk(kind, body)
        elif kind == b"iCCP":
            if icc_to_keep(info.icc, strip_metadata=recipe.strip_metadata):
                out += _chunk(kind, body)
        elif not recipe.strip_metadata and kind != b"hIST":
            out += _chunk(kind, body)
        if kind == b"IHDR" and recipe.strip_metadata and info.orientation != 1:
            out += _chunk(b"eXIf", orientation_exif(info.orientation))
    return bytes(out)


def _oxipng(data: bytes, info: ImageInfo, effort: int | None, *, lossless: bool) -> bytes:
    if effort is not None:
        return _oxipng_at(_level_for(effort, info), data, info, lossless=lossless)
    small = info.pixels <= (_LEVEL_4_LOSSLESS_PIXELS if lossless else _LEVEL_4_PALETTE_PIXELS)
    return _oxipng_at(4 if small else 2, data, info, lossless=lossless)


def _oxipng_at(level: int, data: bytes, info: ImageInfo, *, lossless: bool, force: bool = False) -> bytes:
    """``force`` gives what oxipng makes even where it is larger than what it was given."""
    import oxipng

    made: bytes = oxipng.optimize_from_memory(
        data,
        level=level,
        force=force,
        fix_errors=False,
        strip=oxipng.StripChunks.none(),
        interlace=oxipng.Interlacing.Off,
        # 16-bit samples stay 16-bit even where 8 would do: readers choose their pipeline by the header.
        bit_depth_reduction=info.bit_depth != 16,
        color_type_reduction=info.bit_depth != 16,
        optimize_alpha=not lossless,
    )
    return made


def _quantise(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    made = _palette_png(source.picture.first, trial, effort=7)
    return _oxipng(_with_colour_of(source, made, recipe), source.info, recipe.effort, lossless=False)


def encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or, as APNG, an animation: lossless, or with a palette of ``quality`` (libimagequant's for stills)."""
    if len(picture.frames) > 1:
        return _animated_png(picture, wish)
    pixels = picture.first
    if wish.lossless or wish.quality >= 100 or pixels.dtype != np.uint8:
        made = _plain_png(pixels)
    else:
        made = _quantised_png(pixels, quality=wish.quality, dither=_DITHER, effort=4 if (wish.effort or 5) < 4 else 7)
    info = probe(made, Limits())
    made = _oxipng_at(_level_for(wish.effort, info), made, info, lossless=True)
    return made if wish.exif is None else with_exif(made, wish.exif)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A PNG with this EXIF body in place of its own."""
    chunks = [_chunk(kind, body) for kind, body in _chunks(data, Limits()) if kind != b"eXIf"]
    return SIGNATURE + chunks[0] + _chunk(b"eXIf", exif) + b"".join(chunks[1:])


def _level_for(effort: int | None, info: ImageInfo) -> int:
    if effort is None:
        return 4 if info.pixels <= _LEVEL_4_PALETTE_PIXELS else 2
    return (0, 0, 1, 1, 2, 2, 2, 3, 4, 5)[effort]


def _plain_png(pixels: Array) -> bytes:
    deep = pixels.dtype == np.uint16
    kind = ("grey16" if deep else "b-w") if pixels.ndim == 2 else ("rgb16" if deep else "srgb")
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation=kind)
    made: bytes = image.pngsave_buffer(compression=1, keep="none")
    return made


def _animated_png(picture: Picture, wish: Encoding) -> bytes:
    shown = [Image.fromarray(frame) for frame in picture.frames]
    if not wish.lossless and wish.quality < 100:
        colours = max(16, min(256, 256 * wish.quality // 80))
        shown = [frame.quantize(colours) for frame in shown]
    out = io.BytesIO()
    loop = picture.loop_count if picture.loop_count is not None else 1
    shown[0].save(
        out, "PNG", save_all=True, append_images=shown[1:], duration=list(picture.durations_ms), loop=loop, blend=0
    )
    return out.getvalue()


def _palette_png(pixels: Array, trial: Trial, *, effort: int) -> bytes:
    quality, dither = int(trial.parameters["quality"] or 100), float(trial.parameters["dither"] or 0)
    return _quantised_png(pixels, quality=quality, dither=dither, effort=effort)


def _quantised_png(pixels: Array, *, quality: int, dither: float, effort: int) -> bytes:
    pyvips = vips()

    if pixels.dtype != np.uint8:
        raise DropTrial("only 8-bit pictures are quantised")
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.pngsave_buffer(
        palette=True,
        Q=quality,
        dither=dither,
        effort=effort,
        compression=6,
        filter="none",
        keep="none",
    )
    return made


def _with_colour_of(source: Source, made: bytes, recipe: Recipe) -> bytes:
    """Picture chunks of ``made`` with the colour, and where kept the metadata, of the source."""
    out = bytearray(SIGNATURE)
    travelling = [
        _chunk(kind, body)
        for kind, body in _chunks(_select_chunks(source.data, source.info, recipe), Limits())
        if kind not in _PICTURE and kind != b"sBIT" and kind not in (b"bKGD", b"sPLT")
    ]
    for kind, body in _chunks(made, Limits()):
        if kind in _PICTURE:
            out += _chunk(kind, body)
        if kind == b"IHDR":
            out += b"".join(travelling)
    return bytes(out)

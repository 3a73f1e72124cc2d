"""PNG and APNG: libimagequant's palettes where allowed, oxipng always, chunks by allow-list."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from types import MappingProxyType

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif
from pixlean.imaging.pixels import Array, Picture, as_rgb_array, load_pixels, open_with_pillow
from pixlean.imaging.vips import vips

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
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


# libimagequant's quality, and the SSIMULACRA2 below which the palette is not used, by strength. Measured against
# pngquant --speed 3 : at each of them fewer bytes at a score no lower.
_PALETTE = {Strength.HIGH: (55, 45.0), Strength.MEDIUM: (75, 60.0), Strength.LOW: (100, 88.0)}
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
    quality, floor = _PALETTE[recipe.strength]
    quantised = Trial(
        kind=TrialKind.ENCODE,
        method="libimagequant + oxipng",
        why="256 dithered colours, as near as the floor asks",
        parameters=MappingProxyType({"quality": quality, "dither": _DITHER}),
        floor_score=floor,
        must_gain=0.02,
    )
    return (quantised, lossless, _STRIP)


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
        return _oxipng(_select_chunks(source.data, source.info, recipe), source.info, lossless=True)
    return _quantise(source, trial, recipe)


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


def _oxipng(data: bytes, info: ImageInfo, *, lossless: bool) -> bytes:
    import oxipng

    small = info.pixels <= (_LEVEL_4_LOSSLESS_PIXELS if lossless else _LEVEL_4_PALETTE_PIXELS)
    made: bytes = oxipng.optimize_from_memory(
        data,
        level=4 if small else 2,
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
    pyvips = vips()

    pixels = source.picture.first
    if pixels.dtype != np.uint8:
        raise DropTrial("only 8-bit pictures are quantised")
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.pngsave_buffer(
        palette=True,
        Q=int(trial.parameters["quality"] or 100),
        dither=float(trial.parameters["dither"] or 0),
        effort=7,
        compression=6,
        filter="none",
        keep="none",
    )
    return _oxipng(_with_colour_of(source, made, recipe), source.info, lossless=False)


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

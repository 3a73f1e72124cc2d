"""BMP: palettes and RLE8 by our own writer, since no library has one; alpha and depth as they are."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging.bmpeyes import bmp_eyes
from pixlean.imaging.bmpfields import field_masks, field_pixels, has_fields
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Make, Source, Trial, Writes, run_it
from pixlean.imaging.pixels import Array, Picture, distinct, load_pixels, open_with_pillow, to_rgba8
from pixlean.imaging.sampling import tile_score
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import PALETTE_BMP, Loss

_RLE8, _RLE4, _BITFIELDS, _ALPHABITFIELDS = 1, 2, 3, 6
_PROFILES = (b"DEBM", b"KNIL")  # a version 5 header's colour space: a profile in the file, or the name of one


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the two headers; see ``contract.Codec``."""
    if len(data) < 26:
        raise BadImage("the BMP has no header")
    header = int.from_bytes(data[14:18], "little")
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        if len(data) < 54 and header >= 40:
            raise BadImage("the BMP ends inside its header")
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
        compression = int.from_bytes(data[30:34], "little") if header >= 40 else 0
    height = abs(height)
    if width <= 0 or height <= 0 or height >= 1 << 31 or bits not in (1, 2, 4, 8, 16, 24, 32):
        raise BadImage("the BMP's header is not valid")
    if compression not in (0, _RLE8, _RLE4, _BITFIELDS, _ALPHABITFIELDS):
        raise BadImage("the BMP uses a coding that is not supported")
    limits.check_picture(width, height)
    if compression in (0, _BITFIELDS, _ALPHABITFIELDS) and len(data) * 2 < (width * bits + 31) // 32 * 4 * height:
        raise BadImage("the BMP holds too little data for its size")
    alpha = has_fields(data) and field_masks(data)[3] != 0
    return ImageInfo(
        format=Format.BMP,
        width_px=width,
        height_px=height,
        mode="RGBA" if alpha else "P" if bits <= 8 else "RGB",
        bit_depth=8,
        has_alpha=alpha,
        lossless=True,
        untouchable=frozenset({"profile"}) if header == 124 and data[70:74] in _PROFILES else frozenset(),
    )


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Exact palette, RLE8 and 24-bit writing; a quantised palette below quality 70."""
    if info.untouchable:
        return ()
    exact = (
        _trial("bmp-rle8", partial(_with_palette, palette_of=_exact, rle=True)),
        _trial("bmp-palette", partial(_with_palette, palette_of=_exact, rle=False)),
        Trial(method="bmp-rgb24", make=_without_fourth_byte, guess=run_it(_without_fourth_byte), lossless=True),
    )
    loss = None if recipe.keeps_every_pixel else PALETTE_BMP.get(recipe.strength)
    if loss is None:
        return exact
    dithered, plain = partial(_quantised, dither=0.5), partial(_quantised, dither=0.0)
    return (
        *exact,
        _trial("libimagequant + bmp-palette", partial(_with_palette, palette_of=dithered, rle=False), loss),
        _trial("libimagequant + bmp-rle8", partial(_with_palette, palette_of=plain, rle=True), loss),
    )


def _trial(method: str, make: Make, loss: Loss | None = None) -> Trial:
    if loss is None:
        return Trial(method=method, make=make, guess=partial(_guess, make=make, lossless=True), lossless=True)
    return Trial(
        method=method, make=make, guess=partial(_guess, make=make, lossless=False), loss=loss, unless_below=0.3
    )


def _frames(data: bytes) -> Iterator[Array]:
    """The one frame as L, RGB or RGBA."""
    if has_fields(data):
        yield field_pixels(data)
        return
    image = load_pixels(open_with_pillow(data, "BMP"))
    yield np.asarray(image.convert("RGB") if image.mode in ("P", "1") else image)


Indexed = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _plain_pixels(source: Source) -> Array:
    """The pixels, where nothing of them would be lost. Raises ``DropTrial``."""
    pixels = source.picture.first
    if pixels.dtype != np.uint8:
        raise DropTrial("not 8 bit")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        raise DropTrial("a palette would lose the alpha channel")
    if source.data[28] == 32 and _fourth_byte_varies(source.data):
        raise DropTrial("the fourth byte may be alpha to some reader")
    return pixels


def _with_palette(source: Source, palette_of: Callable[[Array], Indexed], *, rle: bool) -> bytes:
    """At most 256 colours, and runs of the same one."""
    indexes, palette = palette_of(_plain_pixels(source))
    return _write_palette(indexes, palette, source.data, rle=rle)


def _without_fourth_byte(source: Source) -> bytes:
    """No unused fourth byte."""
    pixels = _plain_pixels(source)
    if source.data[28] != 32 or pixels.ndim != 3:
        raise DropTrial("not 32 bit")
    return _write_rgb24(pixels, source.data)


_SAMPLED_PIXELS = 250_000


def _guess(source: Source, make: Make, *, lossless: bool) -> Forecast:
    """Palettes of large pictures from whole rows: the palette's size is known, only runs must be counted."""
    whole = source.picture.first
    step = source.info.pixels // _SAMPLED_PIXELS
    if step < 2:
        return Forecast(size_bytes=len(make(source)))
    # Whole rows, every n-th: run-length coding knows no other direction.
    part = np.ascontiguousarray(whole[step // 2 :: step])
    encoded = make(source.with_frame(part))
    if lossless:
        return Forecast(size_bytes=len(make(source)))  # few colours in the sample: worth counting them all
    head_bytes = int.from_bytes(encoded[10:14], "little")
    size = head_bytes + round((len(encoded) - head_bytes) * source.info.height_px / part.shape[0])
    score = tile_score(part, next(_frames(encoded)))
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.03, score=score)


def _fourth_byte_varies(data: bytes) -> bool:
    start = int.from_bytes(data[10:14], "little")
    fourth = np.frombuffer(data[start:], np.uint8)[3::4]
    return bool(fourth.size and (fourth != fourth[0]).any())


def _exact(pixels: Array) -> Indexed:
    """Palette indexes and colours, where at most 256 colours are used."""
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    wide = pixels.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    if distinct(packed) > 256:
        raise DropTrial("more than 256 colours")
    colours, indexes = np.unique(packed, return_inverse=True)
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    return indexes.reshape(packed.shape).astype(np.uint8), palette


def _quantised(pixels: Array, dither: float) -> Indexed:
    """256 chosen colours."""
    if pixels.ndim != 3:
        raise DropTrial("already a palette")
    pyvips = vips()

    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made = image.pngsave_buffer(palette=True, Q=100, dither=dither, effort=7, compression=1, filter="none")
    shown = Image.open(io.BytesIO(made), formats=["PNG"])
    if shown.mode != "P":
        return _exact(np.asarray(shown.convert("RGB")))
    palette = np.array(shown.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return np.asarray(shown), palette


def _resolution(data: bytes) -> tuple[int, int]:
    return struct.unpack_from("<ii", data, 38) if int.from_bytes(data[14:18], "little") >= 40 else (0, 0)


def _file(header: bytes, body: bytes) -> bytes:
    start = 14 + len(header)
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + header + body


def _write_rgb24(pixels: Array, original: bytes) -> bytes:
    rows, columns = pixels.shape[:2]
    stride = (columns * 3 + 3) & ~3
    lines = np.zeros((rows, stride), np.uint8)
    lines[:, : columns * 3] = pixels[::-1, :, 2::-1].reshape(rows, -1)
    header = struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, 24, 0, lines.size, *_resolution(original), 0, 0)
    return _file(header, lines.tobytes())


def _write_palette(indexes: NDArray[np.uint8], palette: NDArray[np.uint8], original: bytes, *, rle: bool) -> bytes:
    rows, columns = indexes.shape
    count = len(palette)
    bits = 8 if rle or count > 16 else 4 if count > 2 else 1
    if rle:
        body = _rle8(indexes)
    else:
        body = _packed(indexes[::-1], bits)
    colours = np.zeros((count, 4), np.uint8)
    colours[:, :3] = palette[:, ::-1]
    compression = _RLE8 if rle else 0
    header = struct.pack(
        "<IiiHHIIiiII", 40, columns, rows, 1, bits, compression, len(body), *_resolution(original), count, 0
    )
    start = 14 + 40 + 4 * count
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + header + colours.tobytes() + body


def _packed(indexes: NDArray[np.uint8], bits: int) -> bytes:
    rows, columns = indexes.shape
    stride = (columns * bits + 31) // 32 * 4
    if bits == 8:
        lines = np.zeros((rows, stride), np.uint8)
        lines[:, :columns] = indexes
        return lines.tobytes()
    per = 8 // bits
    padded = np.zeros((rows, stride * per), np.uint8)
    padded[:, :columns] = indexes
    shifts = np.arange(per - 1, -1, -1, dtype=np.uint8) * bits
    return (padded.reshape(rows, stride, per) << shifts).sum(axis=-1).astype(np.uint8).tobytes()


def _rle8(indexes: NDArray[np.uint8]) -> bytes:
    """Windows' RLE8: runs as (count, index), literals of 3 and more as (0, count, bytes, pad)."""
    out = bytearray()
    for row in indexes[::-1]:
        edges = np.flatnonzero(np.diff(row)) + 1
        starts = np.concatenate(([0], edges))
        lengths = np.diff(np.concatenate((starts, [len(row)])))
        literal = bytearray()
        for value, length in zip(row[starts].tolist(), lengths.tolist(), strict=True):
            if length <= 2 and (literal or length == 1):
                literal += bytes((value,)) * length
                continue
            _flush(out, literal)
            literal = bytearray()
            while length:
                step = min(255, length)
                out += bytes((step, value))
                length -= step
        _flush(out, literal)
        out += b"\0\0"
    return bytes(out[:-2]) + b"\0\1"


def _flush(out: bytearray, literal: bytearray) -> None:
    for at in range(0, len(literal), 254):
        part = literal[at : at + 254]
        if len(part) < 3:
            for value in part:
                out += bytes((1, value))
        else:
            out += bytes((0, len(part))) + part + (b"\0" if len(part) & 1 else b"")


def _encode(picture: Picture, _wish: Encoding) -> bytes:
    """A still (8 bit): greys as a palette, colours as 24 bit, with alpha as 32 bit."""
    pixels = picture.first
    if pixels.ndim == 2:
        return _write_palette(*_exact(pixels), b"", rle=False)
    if pixels.shape[2] == 3:
        return _write_rgb24(pixels, b"")
    return _write_rgba32(to_rgba8(pixels))


def _write_rgba32(pixels: Array) -> bytes:
    """A version 4 header is the least that names alpha: masks of blue, green and red, and the space they are in."""
    rows, columns = pixels.shape[:2]
    body = np.ascontiguousarray(pixels[::-1, :, (2, 1, 0, 3)]).tobytes()
    masks = struct.pack("<IIII4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    header = struct.pack("<IiiHHIIiiII", 108, columns, rows, 1, 32, _BITFIELDS, len(body), 0, 0, 0, 0) + masks
    return _file(header.ljust(108, b"\0"), body)


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    eyes=bmp_eyes,
    writes=Writes(encode=_encode, abilities=Abilities(looks=((1, 99.0), (100, 100.0)), lossless=True, lossy=False)),
)

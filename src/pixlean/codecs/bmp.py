"""BMP: palettes and RLE8 by our own writer, since no library has one; alpha and depth as they are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import DropTrial, Source, replace_picture
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly, tile_score
from pixlean.imaging.vips import vips

_RLE8, _RLE4, _BITFIELDS, _ALPHABITFIELDS = 1, 2, 3, 6


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the two headers; see ``contract.Codec.probe``."""
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
    alpha = header >= 56 and bits in (16, 32) and int.from_bytes(data[66:70], "little") != 0
    return ImageInfo(
        format=Format.BMP,
        width_px=width,
        height_px=height,
        mode="RGBA" if alpha else "P" if bits <= 8 else "RGB",
        bit_depth=8,
        has_alpha=alpha,
        lossless=True,
        icc=b"profile" if header == 124 and data[70:74] in (b"DEBM", b"KNIL") else None,
        keep=frozenset({"profile"}) if header == 124 and data[70:74] in (b"DEBM", b"KNIL") else frozenset(),
    )


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Exact palette, RLE8 and 24-bit writing; a quantised palette below quality 70."""
    if info.keep:
        return ()
    exact = tuple(
        Trial(kind=TrialKind.ENCODE, method=method, why=why, lossless=True)
        for method, why in (
            ("bmp-rle8", "runs of the same colour"),
            ("bmp-palette", "at most 256 colours"),
            ("bmp-rgb24", "no unused fourth byte"),
        )
    )
    if recipe.strength is Strength.LOW:
        return exact
    lossy = tuple(
        Trial(
            kind=TrialKind.ENCODE,
            method=f"libimagequant + {method}",
            why="256 chosen colours",
            parameters=MappingProxyType({"dither": 0.5 if method == "bmp-palette" else 0.0}),
            floor_score=40.0 if recipe.strength is Strength.HIGH else 55.0,
            unless_below=0.3,
        )
        for method in ("bmp-palette", "bmp-rle8")
    )
    return (*exact, *lossy)


def frames(data: bytes) -> Iterator[Array]:
    """The one frame."""
    yield decode(data).first


def decode(data: bytes) -> Picture:
    """The picture as L, RGB or RGBA."""
    image = load_pixels(open_with_pillow(data, "BMP"))
    if image.mode in ("P", "1"):
        image = image.convert("RGB")
    return Picture(frames=(np.asarray(image),), mode=image.mode)


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    pixels = source.picture.first
    if pixels.dtype != np.uint8:
        raise DropTrial("not 8 bit")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        raise DropTrial("a palette would lose the alpha channel")
    if source.data[28] == 32 and _fourth_byte_varies(source.data):
        raise DropTrial("the fourth byte may be alpha to some reader")
    if trial.method == "bmp-rgb24":
        if source.data[28] != 32 or pixels.ndim != 3:
            raise DropTrial("not 32 bit")
        return _write_rgb24(pixels, source.data)
    if trial.method.startswith("libimagequant"):
        if pixels.ndim != 3:
            raise DropTrial("already a palette")
        indexes, palette = _quantised(pixels, float(trial.parameters["dither"] or 0))
    else:
        indexes, palette = _exact(pixels)
    return _write_palette(indexes, palette, source.data, rle=trial.method.endswith("rle8"))


_SAMPLED_PIXELS = 250_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """Palettes of large pictures from whole rows: the palette's size is known, only runs must be counted."""
    whole = source.picture.first
    step = source.info.pixels // _SAMPLED_PIXELS
    if step < 2 or trial.method == "bmp-rgb24":
        return exactly(run(source, trial, recipe))
    # Whole rows, every n-th: run-length coding knows no other direction.
    part = np.ascontiguousarray(whole[step // 2 :: step])
    made = run(replace_picture(source, part), trial, recipe)
    if trial.lossless:
        return exactly(run(source, trial, recipe))  # few colours in the sample: worth counting them all
    head_bytes = int.from_bytes(made[10:14], "little")
    size = head_bytes + round((len(made) - head_bytes) * source.info.height_px / part.shape[0])
    score = tile_score(part, decode(made).first)
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.03, score=score)


def _fourth_byte_varies(data: bytes) -> bool:
    start = int.from_bytes(data[10:14], "little")
    fourth = np.frombuffer(data[start:], np.uint8)[3::4]
    return bool(fourth.size and (fourth != fourth[0]).any())


def _exact(pixels: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Palette indexes and colours, where at most 256 colours are used."""
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    wide = pixels.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    colours, indexes = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        raise DropTrial("more than 256 colours")
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    return indexes.reshape(packed.shape).astype(np.uint8), palette


def _quantised(pixels: Array, dither: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    import io

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

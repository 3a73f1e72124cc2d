"""TIFF: every page's strips packed again byte-exactly, G4 for bilevel, JPEG-in-TIFF at high and medium."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import numpy as np
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging import jpegli, tiffile
from pixlean.imaging.colour import is_srgb
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly
from pixlean.imaging.tiffile import Directory

_NONE, _G4, _LZW, _OLD_JPEG, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 4, 5, 6, 7, 8, 32773, 32946
_PRIVATE = {
    269: "text", 270: "text", 271: "text", 272: "text", 285: "text", 305: "text", 306: "text", 315: "text",
    316: "text", 333: "text", 337: "text", 700: "xmp", 33432: "text", 33723: "iptc", 34377: "iptc",
    34665: "exif", 34853: "gps", 40965: "exif", 37724: "text", 50341: "text", 34675: "icc",
}  # fmt: skip
# What a baseline reader, a colour-managed one and a geo reader need to show the page as it was.
_SHOWN = {
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 286, 287,
    290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, 338, 339, 340,
    341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32997, 34675,
}  # fmt: skip


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read every directory; see ``contract.Codec.probe``."""
    pages = tiffile.read(data, limits)
    first = pages[0]
    kinds: set[str] = set()
    total = 0
    for page in pages:
        width, height = page.number(256, 0), page.number(257, 0)
        if width <= 0 or height <= 0:
            raise BadImage("the TIFF has a page without a size")
        sample_bytes = max(page.numbers(258, (1,))) / 8 * page.number(277, 1)
        limits.check_picture(width, height, bytes_per_pixel=max(1, int(sample_bytes)))
        total += width * height
        if not page.blocks:
            raise BadImage("the TIFF has a page without picture data")
        if page.number(259, 1) == _NONE and sum(map(len, page.blocks)) * 2 < width * height * sample_bytes:
            raise BadImage("the TIFF holds too little data for its size")
        kinds |= {_PRIVATE.get(tag, "text") for tag in page.tags if tag in _PRIVATE or tag not in _SHOWN}
    limits.check("max_total_pixels", total)
    icc = first.tags[34675].raw if 34675 in first.tags else None
    limits.check("max_icc_bytes", len(icc or b""))
    bits, samples = max(first.numbers(258, (1,))), first.number(277, 1)
    modes = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "YCbCr"}
    mode = "1" if bits == 1 and samples == 1 else modes.get(first.number(262, 1), "other")
    orientation = first.number(274, 1)
    return ImageInfo(
        format=Format.TIFF,
        width_px=first.number(256, 0),
        height_px=first.number(257, 0),
        mode=mode,
        bit_depth=bits,
        pages=len(pages),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        has_alpha=338 in first.tags,
        icc=icc,
        metadata=frozenset(kinds - {"icc"}),
        lossless=first.number(259, 1) not in (_OLD_JPEG, _JPEG),
        keep=frozenset({"coding"} if any(page.number(259, 1) == _OLD_JPEG for page in pages) else ()),
    )


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Exact packing with and without predictor, and JPEG pages below quality 70."""
    if info.keep:
        return (_STRIP,)
    found = [
        Trial(
            kind=TrialKind.REPACK,
            method=method,
            why=why,
            parameters=MappingProxyType({"predictor": predictor, "codec": codec}),
            lossless=True,
            unless_below=0.4,
        )
        for method, why, codec, predictor in (
            ("tiff_adobe_deflate + predictor", "neighbours are alike", "deflate", True),
            ("tiff_adobe_deflate", "repeats without neighbours", "deflate", False),
            ("tiff_lzw", "flat pages", "lzw", False),
        )
    ]
    if info.mode == "1":
        g4 = Trial(kind=TrialKind.REPACK, method="tiff_g4", why="bilevel pages", lossless=True)
        found = [g4, *found[1:2]]
    may_lose = info.bit_depth == 8 and info.mode in ("L", "RGB") and not info.has_alpha
    if recipe.strength is not Strength.LOW and may_lose:
        lossy = Trial(
            kind=TrialKind.ENCODE,
            method="tiff_jpeg",
            why="photographs",
            parameters=MappingProxyType({"quality": recipe.quality + 10}),
            floor_score=25.0 if recipe.strength is Strength.HIGH else 45.0,
            must_gain=0.05,
            quality_parameter="quality",
        )
        found.insert(0, lossy)
    return (*found, _STRIP)


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private tags cut out", lossless=True, unless_below=0.99
)


def frames(data: bytes) -> Iterator[Array]:
    """Every page: through Pillow, or through tifffile where Pillow can't or would drop depth."""
    pages = tiffile.read(data, Limits())
    if any(max(page.numbers(258, (1,))) > 8 for page in pages) or len(data) < 8:
        yield from _deep_frames(data)
        return
    image = open_with_pillow(data, "TIFF")
    for number in range(len(pages)):
        try:
            image.seek(number)
        except Exception as error:
            raise BadImage("the TIFF has a page that does not decode") from error
        page = load_pixels(image)
        wanted = {"1": "L", "P": "RGB", "PA": "RGBA", "YCbCr": "RGB", "LAB": "RGB"}.get(page.mode, page.mode)
        yield np.asarray(page.convert(wanted))


def _deep_frames(data: bytes) -> Iterator[Array]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for page in file.pages:
                pixels = page.asarray(maxworkers=1)
                # The library leaves out axes of length one: a picture of one row would lose it.
                yield pixels if pixels.ndim >= 2 else pixels.reshape(page.imagelength, page.imagewidth, -1).squeeze(2)
    except MemoryError:
        raise
    except Exception as error:
        raise BadImage("the TIFF data does not decode") from error


def decode(data: bytes) -> Picture:
    """All pages."""
    return Picture(frames=tuple(frames(data)), mode="RGB")


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    pages = tiffile.read(source.data, Limits())
    if source.info.keep:
        return tiffile.blank(source.data, _doomed(pages)) if recipe.strip_metadata else source.data
    if trial.method == "tiff_jpeg":
        pages = tuple(_as_jpeg(page, int(trial.parameters["quality"] or 60)) for page in pages)
    elif trial.method == "tiff_g4":
        pages = tuple(_as_g4(page) for page in pages)
    elif trial.method != "metadata-strip":
        codec, predictor = str(trial.parameters["codec"]), bool(trial.parameters["predictor"])
        packed = tuple(_packed(page, codec, predictor=predictor) for page in pages)
        if packed == pages:
            raise DropTrial("no page can be packed this way")
        pages = packed
    if recipe.strip_metadata:
        pages = tuple(_stripped(page) for page in pages)
    return tiffile.write(pages)


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """What the trial makes: it is run."""
    return exactly(run(source, trial, recipe))


def _doomed(pages: tuple[Directory, ...]) -> frozenset[int]:
    return frozenset(tag for page in pages for tag in page.tags if tag in _PRIVATE or tag not in _SHOWN) - {34675}


def _stripped(page: Directory) -> Directory:
    gone = set(_doomed((page,)))
    if 34675 in page.tags and is_srgb(page.tags[34675].raw):
        gone.add(34675)
    return page.without(*gone)


def _block_shape(page: Directory) -> tuple[int, int, int, int]:
    """Rows a block, columns, samples stored together and bits a sample."""
    samples = page.number(277, 1) if page.number(284, 1) == 1 else 1
    bits = set(page.numbers(258, (1,)))
    if len(bits) != 1:
        raise DropTrial("samples of different depth")
    if tiffile.TILE_OFFSETS in page.tags:
        return page.number(323, 1), page.number(322, 1), samples, bits.pop()
    rows = min(page.number(278, 1 << 31), page.number(257, 1))
    return rows, page.number(256, 1), samples, bits.pop()


def _raw_blocks(page: Directory) -> list[bytes] | None:
    """The page's blocks without compression and predictor, or ``None`` where they stay as they are."""
    import imagecodecs

    compression, predictor = page.number(259, 1), page.number(317, 1)
    rows, columns, samples, bits = _block_shape(page)
    stride = (columns * samples * bits + 7) // 8
    if compression == _NONE:
        blocks = list(page.blocks)
    elif compression in (_DEFLATE, _OLD_DEFLATE):
        blocks = [zlib.decompressobj().decompress(block, rows * stride) for block in page.blocks]
    elif compression == _LZW:
        blocks = [bytes(imagecodecs.lzw_decode(block, out=rows * stride)) for block in page.blocks]
    elif compression == _PACKBITS:
        blocks = [bytes(imagecodecs.packbits_decode(block, out=rows * stride)) for block in page.blocks]
    else:
        return None
    if page.number(266, 1) != 1 and compression != _NONE:
        return None
    if predictor == 1:
        return blocks
    if predictor != 2 or bits not in (8, 16):
        return None
    return [_undo_predictor(block, page, columns, samples, bits) for block in blocks]


def _grid(block: bytes, order: str, columns: int, samples: int, bits: int) -> Array:
    kind = np.dtype(f"{order}u{bits // 8}")
    width = columns * samples
    usable = len(block) // (width * kind.itemsize) * width * kind.itemsize
    return np.frombuffer(block[:usable], kind).reshape(-1, columns, samples)


def _undo_predictor(block: bytes, page: Directory, columns: int, samples: int, bits: int) -> bytes:
    grid = _grid(block, page.order, columns, samples, bits)
    return np.cumsum(grid, axis=1, dtype=grid.dtype).astype(grid.dtype).tobytes()


def _apply_predictor(block: bytes, page: Directory, columns: int, samples: int, bits: int) -> bytes:
    grid = _grid(block, page.order, columns, samples, bits)
    out = grid.copy()
    out[:, 1:] = grid[:, 1:] - grid[:, :-1]
    return out.astype(grid.dtype).tobytes()


def _packed(page: Directory, codec: str, *, predictor: bool) -> Directory:
    import imagecodecs

    blocks = _raw_blocks(page)
    if blocks is None:
        return page
    _, columns, samples, bits = _block_shape(page)
    tiled = tiffile.TILE_OFFSETS in page.tags
    if not tiled and page.number(284, 1) == 1 and len(blocks) > 1:
        blocks = [b"".join(blocks)]  # one strip: one dictionary for the whole page
        page = page.with_numbers(278, (page.number(257, 1),))
    page = page.without(317)
    if predictor:
        if bits not in (8, 16):
            raise DropTrial("the predictor needs samples of 8 or 16 bits")
        blocks = [_apply_predictor(block, page, columns, samples, bits) for block in blocks]
        page = page.with_numbers(317, (2,), kind=3)
    if codec == "lzw":
        made = tuple(bytes(imagecodecs.lzw_encode(block)) for block in blocks)
    else:
        made = tuple(bytes(imagecodecs.zlib_encode(block, level=9)) for block in blocks)
    compression = _LZW if codec == "lzw" else _DEFLATE
    return replace(page.with_numbers(259, (compression,), kind=3), blocks=made)


def _as_g4(page: Directory) -> Directory:
    blocks = _raw_blocks(page) if page.number(258, 1) == 1 and page.number(277, 1) == 1 else None
    if blocks is None or tiffile.TILE_OFFSETS in page.tags or page.number(266, 1) != 1:
        return page
    width, height = page.number(256, 1), page.number(257, 1)
    data = b"".join(blocks)
    if len(data) < (width + 7) // 8 * height:
        raise DropTrial("a page is shorter than its size")
    # Pillow writes min-is-black; the coding of runs is the same, so only the photometric tag is carried over.
    image = Image.frombytes("1", (width, height), data, "raw", "1" if page.number(262, 0) == 1 else "1;I")
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4", strip_size=1 << 30)
    made = tiffile.read(out.getvalue(), Limits())[0]
    if len(made.blocks) != 1:
        raise DropTrial("libtiff split the page")
    page = page.without(317, 292, 293).with_numbers(259, (_G4,), kind=3)
    page = page.with_numbers(262, (made.number(262, 0),), kind=3)
    return replace(page.with_numbers(278, (height,)), blocks=made.blocks)


def _as_jpeg(page: Directory, quality: int) -> Directory:
    samples, photometric = page.number(277, 1), page.number(262, 1)
    plain = set(page.numbers(258, (1,))) == {8} and (photometric, samples) in ((1, 1), (2, 3))
    blocks = _raw_blocks(page) if plain and page.number(284, 1) == 1 else None
    if blocks is None or tiffile.TILE_OFFSETS in page.tags or not jpegli.available():
        return page
    width, height = page.number(256, 1), page.number(257, 1)
    pixels = np.frombuffer(b"".join(blocks)[: width * height * samples], np.uint8)
    if pixels.size < width * height * samples:
        raise DropTrial("a page is shorter than its size")
    pixels = pixels.reshape(height, width, samples) if samples == 3 else pixels.reshape(height, width)
    distance = jpegli.quality_to_distance(min(95, quality))
    block = jpegli.encode(pixels, distance=distance, subsampling="420", progressive=False)
    page = page.without(317).with_numbers(259, (_JPEG,), kind=3).with_numbers(278, (height,))
    if samples == 3:
        page = page.with_numbers(262, (6,), kind=3).with_numbers(530, (2, 2), kind=3)
    return replace(page, blocks=(block,))

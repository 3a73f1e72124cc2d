"""TIFF: every page's strips packed again byte-exactly, G4 for bilevel, JPEG-in-TIFF at high and medium."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging import jpegli, tiffile
from pixlean.imaging.colour import is_srgb
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import pillow_eyes
from pixlean.imaging.jpegfile import Segment, quality_of
from pixlean.imaging.metadata import Metadata, text_directory
from pixlean.imaging.pixels import Array, Picture, spread_grey
from pixlean.imaging.tiffile import Directory
from pixlean.imaging.tiffpixels import shown_pages
from pixlean.imaging.worth import JPEG_IN_TIFF, is_worn_at

_NONE, _G4, _LZW, _OLD_JPEG, _JPEG, _DEFLATE, _PACKBITS, _OLD_DEFLATE = 1, 4, 5, 6, 7, 8, 32773, 32946
_ZSTD, _LZMA = 50000, 34925
_PRIVATE = {
    269: "text", 270: "text", 271: "text", 272: "text", 285: "text", 305: "text", 306: "text", 315: "text",
    316: "text", 333: "text", 337: "text", 700: "xmp", 33432: "exif", 33723: "iptc", 34377: "iptc",
    34665: "exif", 34853: "gps", 40965: "exif", 37724: "text", 50341: "text", 34675: "icc",
}  # fmt: skip
# What a baseline reader, a colour-managed one and a geo reader need to show the page as it was.
_SHOWN = {
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 286, 287,
    290, 291, 292, 293, 296, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, 338, 339, 340,
    341, 342, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32997, 34675,
    33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113,  # GeoTIFF 1.1 and GDAL: where on Earth each pixel lies
}  # fmt: skip


Rewrite = Callable[[Directory], Directory]


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read every directory; see ``contract.Codec``."""
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
    modes = {0: "L", 1: "L", 2: "RGB", 3: "P", 5: "CMYK", 6: "YCbCr", 8: "LAB", 9: "LAB"}
    mode = "1" if bits == 1 and samples == 1 else modes.get(first.photometric, "other")
    orientation = first.number(274, 1)
    return ImageInfo(
        format=Format.TIFF,
        width_px=first.number(256, 0),
        height_px=first.number(257, 0),
        mode=mode,
        bit_depth=bits,
        pages=len(pages),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        has_alpha=bool(set(first.numbers(338)) & {1, 2}),
        icc=icc,
        metadata=frozenset(kinds - {"icc"}),
        lossless=first.number(259, 1) not in (_OLD_JPEG, _JPEG),
        density_dpi=_density_of(first),
        untouchable=frozenset({"coding"} if any(page.number(259, 1) == _OLD_JPEG for page in pages) else ()),
    )


def _density_of(page: Directory) -> tuple[float, float] | None:
    """Dots per inch by the resolution tags (282, 283, unit 296: inches unless it says centimetres or none)."""
    scale = {2: 1.0, 3: 2.54}.get(page.number(296, 2))
    sides = [page.tags.get(number) for number in (282, 283)]
    if scale is None or any(tag is None or tag.kind != 5 or len(tag.raw) < 8 for tag in sides):
        return None
    shares = [struct.unpack_from(f"{page.order}II", tag.raw) for tag in sides if tag is not None]
    across, down = (scale * over / under if under else 0.0 for over, under in shares)
    return (across, down) if across and down else None


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Exact packing with and without predictor, and JPEG pages below quality 70."""
    strip = partial(_stripped_pages, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=0.99
    )
    if info.untouchable:
        return (stripped,)
    deflate = partial(_deflated, predictor=False)
    if info.mode == "1":
        g4 = partial(_rewritten, rewrite=_as_g4, recipe=recipe)
        found = [
            Trial(method="tiff_g4", make=g4, guess=run_it(g4), lossless=True),
            _packing("tiff_adobe_deflate", deflate, recipe),
        ]
    else:
        found = [
            _packing("tiff_adobe_deflate + predictor", partial(_deflated, predictor=True), recipe),  # neighbours alike
            _packing("tiff_adobe_deflate", deflate, recipe),
            _packing("tiff_lzw", _lzw_packed, recipe),  # flat pages
        ]
    loss = None if recipe.keeps_every_pixel else JPEG_IN_TIFF.get(recipe.strength)
    if loss is not None and info.bit_depth == 8 and info.mode in ("L", "RGB", "YCbCr") and not info.has_alpha:

        def at(quality: float) -> Make:
            return partial(_rewritten, rewrite=partial(_as_jpeg, quality=round(quality)), recipe=recipe)

        make = at(recipe.quality + 10)
        knob = Knob(low=recipe.quality + 10, high=100, at=at)
        found.insert(0, Trial(method="tiff_jpeg", make=make, guess=run_it(make), knob=knob, loss=loss))
    return (*found, stripped)


def _packing(method: str, rewrite: Rewrite, recipe: Recipe) -> Trial:
    make = partial(_rewritten, rewrite=rewrite, recipe=recipe, must_change=True)
    return Trial(method=method, make=make, guess=run_it(make), lossless=True, unless_below=0.4)


def _frames(data: bytes) -> Iterator[Array]:
    """Every page as it is meant, orientation not applied."""
    return shown_pages(data, tiffile.read(data, Limits()))


def _rewritten(source: Source, rewrite: Rewrite, recipe: Recipe, *, must_change: bool = False) -> bytes:
    """Every page rewritten, private tags cut out."""
    pages = tiffile.read(source.data, Limits())
    rewritten = tuple(rewrite(page) for page in pages)
    if must_change and rewritten == pages:
        raise DropTrial("no page can be packed this way")
    return _written(rewritten, recipe)


def _written(pages: tuple[Directory, ...], recipe: Recipe) -> bytes:
    told = tuple(_told(page) for page in pages)
    return tiffile.write(tuple(_stripped(page) for page in told) if recipe.strip_metadata else told)


def _told(page: Directory) -> Directory:
    """A page that says what its samples mean, where readers had to guess."""
    meant = page.photometric
    return page if page.number(262, -1) == meant else page.with_numbers(262, (meant,), kind=3)


def _stripped_pages(source: Source, recipe: Recipe) -> bytes:
    """Private tags cut out, or blanked where nothing may move."""
    pages = tiffile.read(source.data, Limits())
    if source.info.untouchable:
        return tiffile.blank(source.data, _doomed(pages)) if recipe.strip_metadata else source.data
    return _written(pages, recipe)


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
    elif compression == _ZSTD:
        blocks = [bytes(imagecodecs.zstd_decode(block, out=rows * stride)) for block in page.blocks]
    elif compression == _LZMA:
        blocks = [lzma.LZMADecompressor().decompress(block, rows * stride) for block in page.blocks]
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


def _deflated(page: Directory, *, predictor: bool) -> Directory:
    import imagecodecs

    return _packed(page, _DEFLATE, partial(imagecodecs.zlib_encode, level=9), predictor=predictor)


def _lzw_packed(page: Directory) -> Directory:
    import imagecodecs

    return _packed(page, _LZW, imagecodecs.lzw_encode, predictor=False)


def _packed(
    page: Directory, compression: int, pack: Callable[[bytes], bytes | bytearray], *, predictor: bool
) -> Directory:
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
    packed = tuple(bytes(pack(block)) for block in blocks)
    return replace(page.with_numbers(259, (compression,), kind=3), blocks=packed)


def _as_g4(page: Directory) -> Directory:
    blocks = _raw_blocks(page) if page.number(258, 1) == 1 and page.number(277, 1) == 1 else None
    if blocks is None or tiffile.TILE_OFFSETS in page.tags or page.number(266, 1) != 1:
        return page
    width, height = page.number(256, 1), page.number(257, 1)
    data = b"".join(blocks)
    if len(data) < (width + 7) // 8 * height:
        raise DropTrial("a page is shorter than its size")
    # Pillow writes min-is-black; the coding of runs is the same, so only the photometric tag is carried over.
    image = Image.frombytes("1", (width, height), data, "raw", "1" if page.photometric == 1 else "1;I")
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4", strip_size=1 << 30)
    made = tiffile.read(out.getvalue(), Limits())[0]
    if len(made.blocks) != 1:
        raise DropTrial("libtiff split the page")
    page = page.without(317, 292, 293).with_numbers(259, (_G4,), kind=3)
    page = page.with_numbers(262, (made.number(262, 0),), kind=3)
    return replace(page.with_numbers(278, (height,)), blocks=made.blocks)


def _as_jpeg(page: Directory, quality: int) -> Directory:
    """Photographs as JPEG: the whole page in one strip, or each tile by itself."""
    samples, photometric = page.number(277, 1), page.photometric
    plain = set(page.numbers(258, (1,))) == {8} and (photometric, samples) in ((1, 1), (2, 3), (6, 3))
    if photometric == 6 and page.number(259, 1) != _JPEG:
        return page  # its samples are no colours, and may be fewer than its pixels
    unsigned = set(page.numbers(339, (1,))) == {1}
    if not (plain and unsigned) or page.number(284, 1) != 1 or not jpegli.available():
        return page
    parts = _tiles_or_page(page, samples)
    if parts is None or (page.number(259, 1) == _JPEG and _is_worn(page, quality)):
        return page
    distance = jpegli.quality_to_distance(min(95, quality))
    blocks = tuple(jpegli.encode(part, distance=distance, subsampling="420", progressive=False) for part in parts)
    page = page.without(317, 347).with_numbers(259, (_JPEG,), kind=3)
    if tiffile.TILE_OFFSETS not in page.tags:
        page = page.with_numbers(278, (page.number(257, 1),))
    if samples == 3:
        page = page.with_numbers(262, (6,), kind=3).with_numbers(530, (2, 2), kind=3)
    return replace(page, blocks=blocks)


def _tiles_or_page(page: Directory, samples: int) -> list[Array] | None:
    """The pixels of each tile, or of the page; ``None`` where they can't be had without loss of their meaning."""
    width, height = page.number(256, 1), page.number(257, 1)
    tiled = tiffile.TILE_OFFSETS in page.tags
    if page.number(259, 1) == _JPEG or page.photometric == 6:
        if tiled:
            return None
        pixels = next(shown_pages(tiffile.write((page,)), (page,)))
        return [pixels] if pixels.dtype == np.uint8 and pixels.shape[:2] == (height, width) else None
    blocks = _raw_blocks(page)
    if blocks is None:
        return None
    if tiled and min(page.number(323, 1), page.number(322, 1)) < 1:
        raise DropTrial("tiles without pixels")
    sides = (page.number(323, 1), page.number(322, 1)) if tiled else (height, width)
    parts = []
    for block in blocks if tiled else [b"".join(blocks)]:
        pixels = np.frombuffer(block, np.uint8)[: sides[0] * sides[1] * samples]
        if pixels.size < sides[0] * sides[1] * samples:
            raise DropTrial("a page is shorter than its size")
        parts.append(pixels.reshape(*sides, samples) if samples == 3 else pixels.reshape(sides))
    return parts


def _is_worn(page: Directory, quality: int) -> bool:
    """Whether a page's JPEG is no better than the wanted quality, by its quantisation tables."""
    table = page.tags[347].raw if 347 in page.tags else b""
    for stream in (table, *page.blocks[:1]):
        at = stream.find(b"\xff\xdb")
        if at >= 0:
            segment = Segment(0xDB, at, at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big"))
            known = quality_of(stream, [segment])
            return known is not None and is_worn_at(known, quality)
    return True


def _metadata(data: bytes) -> Metadata:
    """A TIFF's own texts as an EXIF body, with its XMP and IPTC."""
    page = tiffile.read(data, Limits())[0]
    xmp, iptc = (page.tags[number].raw if number in page.tags else b"" for number in (700, 33723))
    return Metadata(exif=tiffile.write((text_directory(page),)), xmp=xmp, iptc=iptc)


# What of an EXIF body has its place beside a page: nothing that says how the page lies in its file.
_TRAVELS_TOO = {282, 283, 296}


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """Pages of 8 or 16 bits, deflated with the predictor or without it, whichever is smaller."""
    exif = tiffile.read(wish.exif, Limits())[0] if wish.exif else Directory("<", {})
    travelling = {number: tag for number, tag in exif.tags.items() if number not in _SHOWN or number in _TRAVELS_TOO}
    frames = (spread_grey(frame) for frame in picture.frames)
    pages = (tiffile.page_of(frame, exif.order, travelling) for frame in frames)
    both = ([_deflated(page, predictor=predictor) for predictor in (True, False)] for page in pages)
    return tiffile.write(tuple(min(pair, key=lambda page: len(page.blocks[0])) for pair in both))


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    writes=Writes(
        encode=_encode,
        abilities=Abilities(looks=((1, 99.0), (100, 100.0)), deep=True, pages=True, lossless=True, lossy=False),
    ),
    metadata=_metadata,
    eyes=pillow_eyes("TIFF"),
)

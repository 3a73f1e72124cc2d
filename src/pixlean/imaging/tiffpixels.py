"""The pages of a TIFF as a viewer shows them, not turned yet: by libvips, and by tifffile what that can't read.

Both give samples as they are stored; what they mean (black or white at zero, Lab, associated alpha, depths that are no
whole bytes, samples of no stated meaning) is settled here, once for every way that a picture goes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pixlean.domain.errors import BadImage
from pixlean.imaging.pixels import Array, load_pixels, open_with_pillow
from pixlean.imaging.tiffile import PALETTE, Directory, is_cut_short
from pixlean.imaging.vips import vips

# Compressions of TIFF 6.0 and its supplements, and SGI's two. Of newer ones libvips' build has none, and says nothing.
_COMPRESSION, _READ_BY_LIBVIPS = 259, {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34676, 34677}
_BITS, _SAMPLES, _PLANAR, _MAP, _EXTRA, _SAMPLE_FORMAT = 258, 277, 284, 320, 338, 339
_WHITE_IS_ZERO, _RGB, _SEPARATED, _YCBCR, _CIELAB, _ICCLAB = 0, 2, 5, 6, 8, 9
_SUBSAMPLING = 530
_JPEGS = {6, 7}
_UNSPECIFIED, _ASSOCIATED = 0, 1
_UNSIGNED, _FLOAT = 1, 3
# Colours that libvips gives as numbers of their own, not of a screen.
_SPACES = ("lab", "labs", "xyz", "yxy", "lch")
_COLOURS = {0: 1, 1: 1, _RGB: 3, PALETTE: 1, _SEPARATED: 4, _YCBCR: 3, _CIELAB: 3, _ICCLAB: 3}


def shown_pages(data: bytes, pages: tuple[Directory, ...]) -> Iterator[Array]:
    """Each page as (rows, columns) or (rows, columns, channels); uint8, uint16, or samples of another kind as they are.

    Channels are grey, grey and alpha, RGB, RGBA or CMYK. Raises ``BadImage``.
    """
    for number, page in enumerate(pages):
        compression = page.number(_COMPRESSION, 1)
        if page.photometric == PALETTE and not page.has_palette:
            raise BadImage("the TIFF has a page without the palette that it names")
        if is_cut_short(page):
            raise BadImage("the TIFF ends within its pixels")
        if page.photometric == _YCBCR and compression not in _JPEGS:
            if page.numbers(_SUBSAMPLING, (2, 2)) != (1, 1):
                raise BadImage("the TIFF has chroma of another size than luma, which is read in JPEG only")
            yield _by_pillow(data, number, page)  # the others give luma and chroma as if they were red, green and blue
            continue
        known = compression in _READ_BY_LIBVIPS and not _is_one_plane(page)
        pixels = _by_libvips(data, number) if known else None
        shown = _by_tifffile(data, number, page) if pixels is None else _as_meant(pixels, page)
        if not shown.size:
            raise BadImage("the TIFF has a page without pixels")
        yield shown


def _is_one_plane(page: Directory) -> bool:
    """Whether its one sample of less than a byte is said to lie in a plane of its own: libvips shows black then."""
    return page.number(_PLANAR, 1) == 2 and page.number(_SAMPLES, 1) == 1 and max(page.numbers(_BITS, (1,))) < 8


def _by_libvips(data: bytes, number: int) -> Array | None:
    """The page, alpha not multiplied in, or ``None`` where libvips does not read it."""
    pyvips = vips()
    try:
        image = pyvips.Image.tiffload_buffer(data, page=number, fail_on="truncated")
    except pyvips.Error:
        return None
    try:
        if image.interpretation in _SPACES:
            image = image.colourspace("rgb16")
        pixels: Array = image.numpy()
    except pyvips.Error:
        return None
    return pixels.reshape(image.height, image.width, image.bands)


def _by_tifffile(data: bytes, number: int, page: Directory) -> Array:
    """The page, stretched to whole bytes, or as Pillow reads it. Raises ``BadImage``."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            stored = file.pages[number].asarray(maxworkers=1)
            rows, columns = page.number(257, 1), page.number(256, 1)
            if stored.ndim == 3 and stored.shape[0] != rows and stored.shape[1:] == (rows, columns):
                stored = np.moveaxis(stored, 0, -1)  # planes one after the other
            stored = stored.reshape(rows, columns, -1)
    except MemoryError:
        raise
    except Exception:
        return _by_pillow(data, number, page)
    pixels = _as_meant(_from_lab(_screened(stored, page), page), page)
    return _divided(pixels) if page.number(_EXTRA, _UNSPECIFIED) == _ASSOCIATED and pixels.ndim == 3 else pixels


# What undoes an orientation, by its EXIF number.
_UNTURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


def _by_pillow(data: bytes, number: int, page: Directory) -> Array:
    """What neither reads, such as the JPEG of TIFF 6.0; Pillow turns TIFFs by their tag, which is undone."""
    image = open_with_pillow(data, "TIFF")
    try:
        image.seek(number)
    except Exception as error:
        raise BadImage("the TIFF has a page that does not decode") from error
    turn = _UNTURNED.get(page.number(274, 1))
    shown = load_pixels(image)
    shown = shown if shown.mode in ("L", "RGB", "RGBA", "CMYK") else shown.convert("RGB")
    return np.asarray(shown if turn is None else shown.transpose(turn))


def _screened(stored: Array, page: Directory) -> Array:
    """Unsigned samples stretched to 8 or 16 bits, with black at zero, palettes looked up."""
    bits, photometric = max(page.numbers(_BITS, (1,))), page.photometric
    if stored.dtype.kind not in "ub" or page.number(_SAMPLE_FORMAT, _UNSIGNED) != _UNSIGNED:
        return stored
    if photometric == PALETTE:
        table = np.array(page.numbers(_MAP), np.uint16).reshape(3, -1).T
        looked_up: Array = table[np.minimum(stored[..., 0], len(table) - 1)]
        return looked_up
    most = (1 << bits) - 1
    whole = 255 if bits <= 8 else 65_535
    if most == whole:
        stretched = stored
    else:
        kind = np.uint8 if whole == 255 else np.uint16
        wide = stored.astype(np.float64) if bits > 32 else stored.astype(np.uint64)
        stretched = (wide * whole // most).astype(kind)
    return whole - stretched if photometric == _WHITE_IS_ZERO else stretched


def _from_lab(pixels: Array, page: Directory) -> Array:
    """CIE L*a*b* of 8 bits (TIFF 6.0, section 23: a* and b* are signed; ICC Lab adds 128) as sRGB."""
    photometric = page.photometric
    if photometric not in (_CIELAB, _ICCLAB) or pixels.dtype != np.uint8 or pixels.shape[2] < 3:
        return pixels
    lab = pixels[..., :3].astype(np.float32)
    lab[..., 0] *= 100 / 255
    if photometric == _CIELAB:
        lab[..., 1:] = pixels[..., 1:3].astype(np.int8)
    else:
        lab[..., 1:] -= 128
    image: Any = vips().Image.new_from_array(lab, interpretation="lab")
    screen: Array = image.colourspace("srgb").numpy()
    return np.concatenate([screen, pixels[..., 3:]], axis=2)


def _as_meant(pixels: Array, page: Directory) -> Array:
    """Without samples of no stated meaning; one grey channel has no axis."""
    colours = 3 if pixels.shape[2] >= 3 and page.photometric == PALETTE else _colours(page)
    extra = page.numbers(_EXTRA)
    if pixels.shape[2] > colours:
        if not extra or extra[0] == _UNSPECIFIED:
            pixels = pixels[..., :colours]
        else:
            pixels = pixels[..., : colours + 1]  # one alpha; what follows has no place in any picture
    return pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)


def _colours(page: Directory) -> int:
    return _COLOURS.get(page.photometric, max(1, page.number(_SAMPLES, 1) - len(page.numbers(_EXTRA))))


def _divided(pixels: Array) -> Array:
    """Colours divided by their alpha, where they are unsigned."""
    if pixels.dtype.kind != "u":
        return pixels
    whole = np.iinfo(pixels.dtype).max
    alpha = pixels[..., -1:].astype(np.float64)
    colours = np.divide(pixels[..., :-1] * float(whole), alpha, out=np.zeros(pixels[..., :-1].shape), where=alpha > 0)
    return np.concatenate([np.minimum(np.rint(colours), whole).astype(pixels.dtype), pixels[..., -1:]], axis=2)

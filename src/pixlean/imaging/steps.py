"""The column of edits: each step takes a sheet and gives a sheet. libvips does the work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pixlean.domain.edits import Edits, Fit, Resize, Trim
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.image import ImageInfo
from pixlean.imaging import resample
from pixlean.imaging.cutout import with_room
from pixlean.imaging.sizes import around, changes, covering, sides_of, whole_sides
from pixlean.imaging.vips import vips

MOST_SIDE_PX = 32_768
# What stands for transparent where ground is looked for.
_MAGENTA = (255, 0, 255)
# libvips looks for ground through a median of three pixels.
_LEAST_TRIMMED_PX = 3
_RIGHT_ANGLES = {0: "d0", 90: "d90", 180: "d180", 270: "d270"}
# A mild 3x3 sharpening: a sum of 24, so that flat areas stay.
_SHARPEN = [[-1, -1, -1], [-1, 32, -1], [-1, -1, -1]]


@dataclass(frozen=True)
class _Sheet:
    """An image on its way through the steps; the sides are the picture's, before any shrinking while it was decoded."""

    image: Any
    width_px: int
    height_px: int


def through_steps(image: Any, info: ImageInfo, edits: Edits, *, quick: bool) -> Any:
    """An upright sRGB image, edited; ``quick`` may resize less well. Raises ``InvalidRequest``."""
    sheet = _Sheet(image, *info.displayed_px)
    for step in (*_BEFORE_RESIZE, partial(_resized, quick=quick), *_AFTER_RESIZE):
        sheet = step(sheet, edits)
    return sheet.image


def trimmed(image: Any, trim: Trim) -> Any:
    """An upright sRGB image without the ground around it; all of it where it is nothing else."""
    shown = flat(image, _MAGENTA) if image.hasalpha() else image
    shown = (shown >> 8).cast("uchar") if shown.format == "ushort" else shown
    ground = list(trim.colour or shown.getpoint(0, 0))
    if trim.colour and shown.bands == 1:
        shown = shown.colourspace("srgb")
    if min(shown.width, shown.height) < _LEAST_TRIMMED_PX:
        return image
    left, top, width, height = shown.find_trim(threshold=trim.tolerance, background=ground)
    if not width or not height:
        return image
    if trim.same_width:
        left, width = _same(left, width, image.width)
    if trim.same_height:
        top, height = _same(top, height, image.height)
    return image.crop(left, top, width, height)


def _same(start: int, length: int, whole: int) -> tuple[int, int]:
    """Start and length with as much cut off at the end as at the start: the lesser of both."""
    least = min(start, whole - start - length)
    return least, whole - 2 * least


def _cropped(sheet: _Sheet, edits: Edits) -> _Sheet:
    crop = edits.crop
    if crop is None:
        return sheet
    part = sheet.image.crop(crop.left_px, crop.top_px, crop.width_px, crop.height_px)
    return _Sheet(part, crop.width_px, crop.height_px)


def _turned(sheet: _Sheet, edits: Edits) -> _Sheet:
    turn = edits.rotate_degrees % 360
    if turn not in _RIGHT_ANGLES:
        around = _rotated(sheet.image, turn)
        return _Sheet(around, around.width, around.height)
    image = sheet.image.rot(_RIGHT_ANGLES[int(turn)]) if turn else sheet.image
    return _Sheet(image, *((sheet.height_px, sheet.width_px) if turn % 180 else (sheet.width_px, sheet.height_px)))


def _mirrored(sheet: _Sheet, edits: Edits) -> _Sheet:
    image = sheet.image.flipver() if edits.flip else sheet.image
    return replace(sheet, image=image.fliphor() if edits.flop else image)


def _grounded(sheet: _Sheet, edits: Edits) -> _Sheet:
    """The picture over the ground that shows through."""
    if edits.ground is None or not sheet.image.hasalpha():
        return sheet
    return replace(sheet, image=flat(sheet.image, edits.ground))


def flat(image: Any, ground: tuple[int, int, int]) -> Any:
    """An image with alpha over a colour."""
    deep = image.format == "ushort"
    if image.bands == 2:
        image = image.colourspace("rgb16" if deep else "srgb")
    return image.flatten(background=[(257 if deep else 1) * level for level in ground])


def _rotated(image: Any, degrees: float) -> Any:
    pyvips = vips()
    if not image.hasalpha():
        image = image.addalpha()
    around = image.premultiply().rotate(degrees, interpolate=pyvips.Interpolate.new("bicubic"))
    return around.unpremultiply().cast(image.format)


def _resized(sheet: _Sheet, edits: Edits, *, quick: bool) -> _Sheet:
    """Lanczos in linear light (not where it must be ``quick``), alpha premultiplied."""
    resize, image = edits.resize, sheet.image
    if resize is None:
        return sheet
    wanted = sides_of(resize, sheet.width_px, sheet.height_px)
    is_whole = (image.width, image.height) == (sheet.width_px, sheet.height_px)
    if is_whole and not changes(resize, image.width, image.height) and resize.fit is not Fit.THUMB:
        return sheet
    if max(wanted) > MOST_SIDE_PX:
        raise InvalidRequest(f"no side may be longer than {MOST_SIDE_PX} pixels")
    if resize.fit is Fit.THUMB:
        image = with_room(image, wanted)
        whole = covering(wanted, image.width, image.height)
    else:
        whole = whole_sides(resize, sheet.width_px, sheet.height_px)
    return replace(sheet, image=_cut(scaled(image, *whole, quick=quick), wanted, resize))


def _cut(image: Any, sides: tuple[int, int], resize: Resize) -> Any:
    if sides == (image.width, image.height):
        return image
    if resize.anchor is None:
        return image.smartcrop(*sides, interesting="attention")
    part = around(resize.anchor, sides, (image.width, image.height), resize.shift)
    return image.crop(part.left_px, part.top_px, part.width_px, part.height_px)


def scaled(image: Any, width_px: int, height_px: int, *, quick: bool) -> Any:
    """Lanczos in linear light, which keeps the brightness of fine detail; nowhere darker than Lanczos without it.

    Beside an edge on dark ground the filter's undershoot is small in light and large once encoded: a black outline.
    """
    if image.format == "uchar" and resample.fits((image.width, image.height), (width_px, height_px)):
        return _made_smaller(image, width_px, height_px)
    how: dict[str, Any] = {"height": height_px, "size": "force", "no_rotate": True}
    plain = image.thumbnail_image(width_px, linear=False, **how)
    if quick:
        return plain
    linear = image.thumbnail_image(width_px, linear=True, **how).copy_memory()
    plain = plain.copy(interpretation=linear.interpretation).cast(linear.format)
    return (linear > plain).ifthenelse(linear, plain)


def _made_smaller(image: Any, width_px: int, height_px: int) -> Any:
    """Pixels of 8 bits by a library of our own: libvips takes three times as long for the two ways."""
    # The library gives a single grey pixel no axes at all.
    pixels = image.numpy().reshape(image.height, image.width, image.bands)
    made = resample.smaller(pixels, (width_px, height_px))
    return vips().Image.new_from_array(made, interpretation=image.interpretation)


def _framed(sheet: _Sheet, edits: Edits) -> _Sheet:
    """The picture with ground around it: transparent, until the ground or the format gives it a colour."""
    if edits.frame is None:
        return sheet
    image = sheet.image
    left, top, width, height = edits.frame.place(image.width, image.height)
    if (width, height) == (image.width, image.height):
        return sheet
    if max(width, height) > MOST_SIDE_PX:
        raise InvalidRequest(f"no side may be longer than {MOST_SIDE_PX} pixels")
    image = image if image.hasalpha() else image.addalpha()
    return replace(sheet, image=image.embed(left, top, width, height, extend="background", background=[0]))


def _coloured(sheet: _Sheet, edits: Edits) -> _Sheet:
    """The effects, one after the other, on the colours; only a blur and squares reach the alpha channel."""
    if not any((edits.brightness != 1, edits.saturation != 1, edits.contrast != 1, edits.greyscale,
                edits.blur_sigma > 0, edits.sharpen, edits.pixelate_px > 1)):  # fmt: skip
        return sheet
    image, kind = sheet.image, sheet.image.format
    alpha = image[image.bands - 1] if image.hasalpha() else None
    colours = image if alpha is None else image.extract_band(0, n=image.bands - 1)
    space = image.interpretation
    for effect in _EFFECTS:
        colours, space = effect(colours, edits, space, kind)
    colours = colours.cast(kind).copy(interpretation=space)
    if alpha is None:
        return replace(sheet, image=colours)
    if edits.blur_sigma > 0:
        alpha = alpha.gaussblur(edits.blur_sigma).cast(kind)
    alpha = _squared(alpha, edits)
    return replace(sheet, image=colours.bandjoin(alpha).copy(interpretation=space))


# Each effect gets the colours with their space and their kind of number, and gives colours and space.
def _modulated(image: Any, edits: Edits, space: str, _kind: str) -> tuple[Any, str]:
    """LCh, as sharp's modulate does: lightness and chroma are factors, the hue stays."""
    if edits.brightness == 1 and edits.saturation == 1:
        return image, space
    return (image.colourspace("lch") * [edits.brightness, edits.saturation, 1]).colourspace(space), space


def _contrasted(image: Any, edits: Edits, space: str, kind: str) -> tuple[Any, str]:
    if edits.contrast == 1:
        return image, space
    middle = 32768 if kind == "ushort" else 128
    return (image * edits.contrast + middle * (1 - edits.contrast)).cast(kind), space


def _greyed(image: Any, edits: Edits, space: str, kind: str) -> tuple[Any, str]:
    if not edits.greyscale:
        return image, space
    grey = image.colourspace("grey16" if kind == "ushort" else "b-w")
    return grey, grey.interpretation


def _blurred(image: Any, edits: Edits, space: str, kind: str) -> tuple[Any, str]:
    """In linear light."""
    if edits.blur_sigma <= 0:
        return image, space
    linear = image.colourspace("scrgb").gaussblur(edits.blur_sigma)
    return linear.colourspace("rgb16" if kind == "ushort" else "srgb").colourspace(space), space


def _sharpened(image: Any, edits: Edits, space: str, kind: str) -> tuple[Any, str]:
    if not edits.sharpen:
        return image, space
    return image.conv(vips().Image.new_from_array(_SHARPEN, scale=24), precision="integer").cast(kind), space


def _pixelated(image: Any, edits: Edits, space: str, _kind: str) -> tuple[Any, str]:
    return _squared(image, edits), space


def _squared(image: Any, edits: Edits) -> Any:
    """Squares of one colour each: the mean of what they cover."""
    if edits.pixelate_px <= 1:
        return image
    # No square is larger than the picture: filling up to one would take as long as whoever asks pleases.
    wide, high = min(edits.pixelate_px, image.width), min(edits.pixelate_px, image.height)
    across, down = -(-image.width // wide) * wide, -(-image.height // high) * high
    whole = image.embed(0, 0, across, down, extend="copy")
    return whole.shrink(wide, high).zoom(wide, high).crop(0, 0, image.width, image.height)


_EFFECTS = (_modulated, _contrasted, _greyed, _blurred, _sharpened, _pixelated)
# The order of all edits.
_BEFORE_RESIZE = (_cropped, _turned, _mirrored)
_AFTER_RESIZE = (_coloured, _framed, _grounded)

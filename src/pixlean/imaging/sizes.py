"""The sums of edits: which sides a picture takes, and what is cut of it."""

from __future__ import annotations

import math
from dataclasses import replace

from pixlean.domain.edits import NO_SHIFT, Anchor, Crop, Edits, Fit, Resize, Shift, moved_px
from pixlean.domain.image import ImageInfo

Sides = tuple[int, int]


def measured(edits: Edits, info: ImageInfo) -> Edits:
    """The edits with what depends on the picture's size decided; what is trimmed off first is not known yet."""
    if edits.trim is not None and info.frames <= 1:
        return edits
    edits = replace(edits, trim=None)
    window = edits.window
    if window is not None:
        whole = info.displayed_px
        sides = _window_side(window.width, whole[0]), _window_side(window.height, whole[1])
        crop = None if sides == whole else around(window.anchor, sides, whole, window.shift)
        edits = replace(edits, window=None, crop=crop)
    resize, before = edits.resize, size_before_resize(info, edits)
    if resize is not None and resize.fit is Fit.AUTO:
        width, height = resize.width_px, resize.height_px
        alike = before is not None and width and height and (before[0] > before[1]) == (width > height)
        edits = replace(edits, resize=replace(resize, fit=Fit.FILL if alike else Fit.INSIDE))
    if edits.dpr != 1:
        edits = _for_screens(edits, before)
    if edits.frame is not None and not edits.frame.adds_to(before or (0, 0)) and edits.resize is None:
        edits = replace(edits, frame=None)
    return edits


def _for_screens(edits: Edits, before: Sides | None) -> Edits:
    """With as many pixels as the picture has for each that is named, at most ``dpr``."""
    resize, factor = edits.resize, edits.dpr
    if before is not None and factor > 1 and not (resize is not None and resize.enlarges):
        whole = before if resize is None else whole_sides(resize, *before)
        factor = min(factor, max(1.0, min(before[0] / whole[0], before[1] / whole[1])))
    if resize is None and factor != 1:
        resize = Resize()
    return replace(
        edits,
        dpr=1.0,
        resize=None if resize is None else resize.times(factor),
        frame=None if edits.frame is None else edits.frame.times(factor),
    )


def _window_side(wanted: float, whole: int) -> int:
    return whole if not wanted else min(whole, max(1, round(wanted * whole if wanted < 1 else wanted)))


def size_before_resize(info: ImageInfo, edits: Edits) -> Sides | None:
    """The sides of a picture once it is cropped and turned; ``None`` where only its pixels tell.

    That is where it turns by another than a right angle, and where ground is trimmed off.
    """
    width, height = info.displayed_px if edits.crop is None else (edits.crop.width_px, edits.crop.height_px)
    if edits.rotate_degrees % 90 or edits.trim is not None:
        return None
    return (height, width) if edits.rotate_degrees % 180 else (width, height)


def changes(resize: Resize, width: int, height: int) -> bool:
    """Whether a picture of these sides is another one after the resize."""
    return {sides_of(resize, width, height), whole_sides(resize, width, height)} != {(width, height)}


def sides_of(resize: Resize, width: int, height: int) -> Sides:
    """The sides that a picture of ``width`` x ``height`` takes."""
    sides, whole = _sides(resize, width, height), whole_sides(resize, width, height)
    if not resize.least_width_px and not resize.least_height_px:
        return sides
    # The whole is as large as it must be, and cut to the sides that were named.
    wanted = (resize.width_px or whole[0], resize.height_px or whole[1])
    return min(wanted[0], whole[0]), min(wanted[1], whole[1])


def whole_sides(resize: Resize, width: int, height: int) -> Sides:
    """The sides at which all of the picture is made, before it is cut."""
    sides = _sides(resize, width, height)
    if resize.fit in (Fit.COVER, Fit.FILL, Fit.THUMB) and resize.width_px and resize.height_px:
        sides = covering(sides, width, height)
    more = max(1.0, resize.least_width_px / sides[0], resize.least_height_px / sides[1])
    if more == 1:
        return sides
    if resize.fit is Fit.EXACT:
        return round(more * sides[0]), round(more * sides[1])
    factor = max(resize.least_width_px / width, resize.least_height_px / height)  # of sides that are not rounded yet
    return max(1, round(factor * width)), max(1, round(factor * height))


def covering(sides: Sides, width: int, height: int) -> Sides:
    """The sides of all of a picture that covers these ones."""
    scale = max(sides[0] / width, sides[1] / height)
    return max(sides[0], round(scale * width)), max(sides[1], round(scale * height))


def _sides(resize: Resize, width: int, height: int) -> Sides:
    wanted_width, wanted_height = resize.width_px, resize.height_px
    if resize.fit is Fit.FILL and wanted_width and wanted_height:
        shrink = min(1.0, max(wanted_width / width, wanted_height / height))
        return min(wanted_width, max(1, round(shrink * width))), min(wanted_height, max(1, round(shrink * height)))
    if resize.fit is Fit.EXACT and (wanted_width or wanted_height):
        wanted_width, wanted_height = wanted_width or width, wanted_height or height
    if resize.fit in (Fit.EXACT, Fit.COVER, Fit.THUMB) and wanted_width and wanted_height:
        if resize.enlarge:
            return wanted_width, wanted_height
        shrink = min(1.0, width / wanted_width, height / wanted_height)
        return max(1, round(shrink * wanted_width)), max(1, round(shrink * wanted_height))
    keeps_within = resize.fit in (Fit.INSIDE, Fit.FILL)
    if wanted_width is None and wanted_height is None:
        across, down = resize.zoom
        most = max(1.0, across, down) if keeps_within else 1.0
        return max(1, round(width * across / most)), max(1, round(height * down / most))
    factors = [wanted / side for wanted, side in ((wanted_width, width), (wanted_height, height)) if wanted is not None]
    factor = min(1.0, *factors) if keeps_within else min(factors)
    made_width, made_height = max(1, round(width * factor)), max(1, round(height * factor))
    # The side that decided is met to the pixel.
    if wanted_width and factor == wanted_width / width:
        made_width = wanted_width
    if wanted_height and factor == wanted_height / height:
        made_height = wanted_height
    return made_width, made_height


def around(anchor: Anchor, sides: Sides, whole: Sides, shift: Shift = NO_SHIFT) -> Crop:
    """The part of these sides that has the anchor in its middle as far as the whole has room, shifted within it."""
    left, top = (
        _within(
            _within(math.floor(share * length - side / 2 + 0.5), length - side) + moved_px(move, length), length - side
        )
        for share, length, side, move in zip(anchor, whole, sides, shift, strict=True)
    )
    return Crop(left_px=left, top_px=top, width_px=sides[0], height_px=sides[1])


def _within(value: int, most: int) -> int:
    return min(max(0, value), most)

"""What is to be done to a picture before it is encoded, in the order in which it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A rectangle of the upright picture."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


class Fit(StrEnum):
    """How a picture takes a new size.

    INSIDE: as large as both sides allow, never enlarged. EXACT: exactly these sides, stretched where needed. COVER:
    exactly these sides, filled and cut to what draws attention. THUMB: the same, but an object that stands free on a
    plain ground is shown whole, with more ground where needed. SCALE: one side given, the other follows, enlarged
    where needed; both given, the largest that fits.
    """

    INSIDE = "inside"
    EXACT = "exact"
    COVER = "cover"
    THUMB = "thumb"
    SCALE = "scale"


@dataclass(frozen=True, kw_only=True)
class Resize:
    """New sides in pixels; ``None`` follows from the other one.

    Without ``enlarge``, COVER and THUMB keep to the proportions of the sides but never show a pixel larger than it is.
    """

    width_px: int | None = None
    height_px: int | None = None
    fit: Fit = Fit.INSIDE
    enlarge: bool = True


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Orient, crop, rotate, flip and flop, resize, colour, blur, sharpen: fields in that order.

    ``rotate_degrees`` turns clockwise; by other than right angles the corners become transparent. ``flip`` is upside
    down, ``flop`` left to right. ``brightness``, ``saturation`` and ``contrast`` are factors, 1 changes nothing.
    ``blur_sigma`` is in pixels of the resized picture. ``ground`` is the colour (red, green, blue) that shows through
    where the picture is transparent, whatever the result's format could carry.
    """

    crop: Crop | None = None
    rotate_degrees: float = 0.0
    flip: bool = False
    flop: bool = False
    resize: Resize | None = None
    brightness: float = 1.0
    saturation: float = 1.0
    contrast: float = 1.0
    greyscale: bool = False
    blur_sigma: float = 0.0
    sharpen: bool = False
    ground: tuple[int, int, int] | None = None


NO_EDITS = Edits()

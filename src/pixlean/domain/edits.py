"""What is to be done to a picture before it is encoded, in the order in which it is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# A point of a picture, as shares of its width and height: what is cut keeps it in the middle as far as there is room.
Anchor = tuple[float, float]
CENTRE: Anchor = (0.5, 0.5)


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A rectangle of the upright picture."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of the upright picture that is cut out where its size is known: pixels, below 1 a share, 0 is all."""

    width: float = 0.0
    height: float = 0.0
    anchor: Anchor = CENTRE


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Ground around the finished picture: up to least sides, then so much more on each side.

    ``anchor`` says where the picture stands within its least sides.
    """

    least_width_px: int = 0
    least_height_px: int = 0
    anchor: Anchor = CENTRE
    top_px: int = 0
    right_px: int = 0
    bottom_px: int = 0
    left_px: int = 0

    def adds_to(self, sides: tuple[int, int]) -> bool:
        """Whether there is any ground around a picture of these sides."""
        return self.place(*sides)[2:] != sides

    def place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of these sides comes to stand (left, top), and the sides of it all (width, height)."""
        inner = max(width, self.least_width_px), max(height, self.least_height_px)
        left = self.left_px + round((inner[0] - width) * self.anchor[0])
        top = self.top_px + round((inner[1] - height) * self.anchor[1])
        return left, top, inner[0] + self.left_px + self.right_px, inner[1] + self.top_px + self.bottom_px


class Fit(StrEnum):
    """How a picture takes a new size.

    INSIDE: as large as both sides allow, never enlarged. EXACT: exactly these sides, stretched where needed. COVER:
    exactly these sides, filled and cut. FILL: the same, never enlarged: a side that the picture does not reach stays
    shorter. AUTO: FILL where picture and sides both stand or both lie, else INSIDE. THUMB: as COVER, but an object that
    stands free on a plain ground is shown whole, with more ground where needed. SCALE: one side given, the other
    follows, enlarged where needed; both given, the largest that fits.
    """

    INSIDE = "inside"
    EXACT = "exact"
    COVER = "cover"
    FILL = "fill"
    AUTO = "auto"
    THUMB = "thumb"
    SCALE = "scale"


@dataclass(frozen=True, kw_only=True)
class Resize:
    """New sides in pixels; ``None`` follows from the other one. What is cut is cut around the ``anchor``.

    Without one it is cut to what draws attention.
    Without ``enlarge``, COVER and THUMB keep to the proportions of the sides but never show a pixel larger than it is.
    """

    width_px: int | None = None
    height_px: int | None = None
    fit: Fit = Fit.INSIDE
    enlarge: bool = True
    anchor: Anchor | None = None


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Orient, crop, rotate, flip and flop, resize, colour, blur, sharpen, frame: fields in that order.

    A ``window`` becomes the crop once the picture's size is known.

    ``rotate_degrees`` turns clockwise; by other than right angles the corners become transparent. ``flip`` is upside
    down, ``flop`` left to right. ``brightness``, ``saturation`` and ``contrast`` are factors, 1 changes nothing.
    ``blur_sigma`` is in pixels of the resized picture. ``ground`` is the colour (red, green, blue) that shows through
    where the picture is transparent, whatever the result's format could carry.
    """

    crop: Crop | None = None
    window: Window | None = None
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
    frame: Frame | None = None
    ground: tuple[int, int, int] | None = None


NO_EDITS = Edits()

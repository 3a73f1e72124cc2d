"""What is to be done to a picture before it is encoded, in the order in which it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

# A point of a picture, as shares of its width and height: what is cut keeps it in the middle as far as there is room.
Anchor = tuple[float, float]
CENTRE: Anchor = (0.5, 0.5)
# How far right and down of where the anchor puts it: pixels, from -1 to 1 shares of the whole.
Shift = tuple[float, float]
NO_SHIFT: Shift = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Trim:
    """Ground that is cut off all around a still: what differs from ``colour`` by at most ``tolerance`` (of 255).

    Without a colour the upper left pixel has it. What is transparent counts as magenta. With ``same_width`` and
    ``same_height`` opposite sides lose the same.
    """

    tolerance: float
    colour: tuple[int, int, int] | None = None
    same_width: bool = False
    same_height: bool = False


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
    shift: Shift = NO_SHIFT


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Ground around the finished picture: up to least sides, then to a ratio, then so much more on each side.

    ``anchor`` and ``shift`` say where the picture stands within its least sides, ``ratio_anchor`` and ``ratio_shift``
    where these stand within the ``ratio`` of width to height, 0 for any.
    """

    least_width_px: int = 0
    least_height_px: int = 0
    anchor: Anchor = CENTRE
    shift: Shift = NO_SHIFT
    ratio: float = 0.0
    ratio_anchor: Anchor = CENTRE
    ratio_shift: Shift = NO_SHIFT
    top_px: int = 0
    right_px: int = 0
    bottom_px: int = 0
    left_px: int = 0

    def times(self, factor: float) -> Frame:
        """With so many times the pixels; shares stay."""
        pixels = {name: round(getattr(self, name) * factor) for name in _PIXELS_OF_A_FRAME}
        shifts = {"shift": _times(self.shift, factor), "ratio_shift": _times(self.ratio_shift, factor)}
        return replace(self, **pixels, **shifts)  # type: ignore[arg-type]

    def adds_to(self, sides: tuple[int, int]) -> bool:
        """Whether there is any ground around a picture of these sides."""
        return self.place(*sides)[2:] != sides

    def place(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Where a picture of these sides comes to stand (left, top), and the sides of it all (width, height)."""
        sides = max(width, self.least_width_px), max(height, self.least_height_px)
        left, top = placed(self.anchor, self.shift, (width, height), sides)
        inner = sides
        if self.ratio:
            sides = max(sides[0], round(sides[1] * self.ratio)), max(sides[1], round(sides[0] / self.ratio))
            across, down = placed(self.ratio_anchor, self.ratio_shift, inner, sides)
            left, top = left + across, top + down
        made = sides[0] + self.left_px + self.right_px, sides[1] + self.top_px + self.bottom_px
        return left + self.left_px, top + self.top_px, *made


_PIXELS_OF_A_FRAME = ("least_width_px", "least_height_px", "top_px", "right_px", "bottom_px", "left_px")


def _times(shift: Shift, factor: float) -> Shift:
    across, down = (move * factor if abs(move) >= 1 else move for move in shift)
    return across, down


def placed(anchor: Anchor, shift: Shift, sides: tuple[int, int], whole: tuple[int, int]) -> tuple[int, int]:
    """Where something of these sides stands (left, top) that stands in a whole as the anchor says, then shifted."""
    left, top = (
        min(max(0, round((length - side) * share) + moved_px(move, length)), length - side)
        for share, move, side, length in zip(anchor, shift, sides, whole, strict=True)
    )
    return left, top


def moved_px(move: float, length: int) -> int:
    """One side of a shift in pixels."""
    return round(move if abs(move) >= 1 else move * length)


class Fit(StrEnum):
    """How a picture takes a new size.

    INSIDE: as large as both sides allow, never enlarged. EXACT: exactly these sides, stretched where needed; one that
    is not given stays. COVER: exactly these sides, filled and cut. FILL: the same, never enlarged: a side that the
    picture does not reach stays shorter. AUTO: FILL where picture and sides both stand or both lie, else INSIDE. THUMB:
    as COVER, but an object that stands free on a plain ground is shown whole, with more ground where needed. SCALE: one
    side given, the other follows, enlarged where needed; both given, the largest that fits.
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
    """New sides in pixels; ``None`` follows from the other one. What is cut is cut around the ``anchor``, shifted.

    Without one it is cut to what draws attention.
    Without ``enlarge``, EXACT, COVER and THUMB keep to the proportions of the sides but never show a pixel larger than
    it is.
    The whole picture is made at least ``least_width_px`` by ``least_height_px`` large, then cut to the sides. Without
    sides ``zoom`` has the factors for width and height; both are at most 1 together where it is never enlarged.
    """

    width_px: int | None = None
    height_px: int | None = None
    fit: Fit = Fit.INSIDE
    enlarge: bool = True
    anchor: Anchor | None = None
    shift: Shift = NO_SHIFT
    least_width_px: int = 0
    least_height_px: int = 0
    zoom: tuple[float, float] = (1.0, 1.0)

    @property
    def cuts(self) -> bool:
        """Whether less than the whole picture may be left."""
        return self.fit in _CUTTING or bool(self.least_width_px or self.least_height_px)

    @property
    def enlarges(self) -> bool:
        """Whether the picture may become larger than it is."""
        return self.fit is Fit.SCALE or (self.fit in (Fit.EXACT, Fit.COVER, Fit.THUMB) and self.enlarge)

    def times(self, factor: float) -> Resize:
        """With so many times the pixels; shares stay."""
        width, height = (
            None if side is None else max(1, round(side * factor)) for side in (self.width_px, self.height_px)
        )
        return replace(
            self,
            width_px=width,
            height_px=height,
            shift=_times(self.shift, factor),
            zoom=(self.zoom[0] * factor, self.zoom[1] * factor),
            least_width_px=round(self.least_width_px * factor),
            least_height_px=round(self.least_height_px * factor),
        )


_CUTTING = (Fit.COVER, Fit.FILL, Fit.THUMB)


@dataclass(frozen=True, kw_only=True)
class Edits:
    """Orient, trim, crop, rotate, flip and flop, resize, colour, blur, sharpen, pixelate, frame: fields in that order.

    A ``window`` becomes the crop once the picture's size is known, and ``dpr`` part of the resize and the frame: all
    pixels of theirs are so many times as many, as far as nothing that must not be enlarged is.

    ``rotate_degrees`` turns clockwise; by other than right angles the corners become transparent. ``flip`` is upside
    down, ``flop`` left to right. ``brightness``, ``saturation`` and ``contrast`` are factors, 1 changes nothing.
    ``blur_sigma`` is in pixels of the resized picture, as are the squares of ``pixelate_px``. ``ground`` is the colour
    (red, green, blue) that shows through where the picture is transparent, whatever the result's format could carry.
    """

    trim: Trim | None = None
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
    pixelate_px: int = 0
    frame: Frame | None = None
    dpr: float = 1.0
    ground: tuple[int, int, int] | None = None


NO_EDITS = Edits()

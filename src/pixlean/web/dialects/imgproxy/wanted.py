"""What the options of a URL say together, and the recipe that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pixlean.domain.edits import Anchor, Edits, Fit, Frame, Resize, Shift, Trim, Window
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import SIDE_PX, Keep, Recipe
from pixlean.web.dialects.imgproxy.bounds import NO_BOUNDS, Bounds
from pixlean.web.dialects.imgproxy.values import CENTRED, Gravity


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options said, as they said it; sides in pixels before ``dpr`` and ``zoom``, 0 where none is named.

    ``extend`` and ``extend_ratio`` are where the picture stands on more ground, ``None`` without. ``crop_gravity`` is
    ``None`` where the crop has none of its own. ``score`` is the SSIMULACRA2 that is wanted, 0 where none is.
    ``version`` is the cache buster. ``skips`` are extensions of sources that go out as they are. ``expires_at`` is in
    seconds since 1970.
    """

    fit: str = "fit"
    width: int = 0
    height: int = 0
    least_width: int = 0
    least_height: int = 0
    enlarges: bool = False
    extend: Gravity | None = None
    extend_ratio: Gravity | None = None
    gravity: Gravity = CENTRED
    crop: tuple[float, float] | None = None
    crop_gravity: Gravity | None = None
    trim: Trim | None = None
    zoom: tuple[float, float] = (1.0, 1.0)
    dpr: float = 1.0
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    turn: int = 0
    ground: tuple[int, int, int] | None = None
    blur_sigma: float = 0.0
    sharpens: bool = False
    pixelate: int = 0
    quality: int = 0
    qualities: Mapping[str, int] = field(default_factory=dict)
    max_bytes: int = 0
    score: float = 0.0
    format: str = ""
    raw: bool = False
    skips: tuple[str, ...] = ()
    strips: bool | None = None
    keeps_copyright: bool | None = None
    file_name: str = ""
    attaches: bool | None = None
    expires_at: int = 0
    version: str = ""
    bounds: Bounds = NO_BOUNDS


def recipe_of(wanted: Wanted, outputs: tuple[Format, ...], usual: Recipe, qualities: Mapping[str, str]) -> Recipe:
    """The recipe for these output formats; ``usual`` is the operator's, ``qualities`` his by format."""
    quality = wanted.quality
    if not quality and len(outputs) == 1:
        names = ("jpeg", "jpg") if outputs[0] is Format.JPEG else (str(outputs[0]),)
        quality = next(
            (int(table[name]) for table in (wanted.qualities, qualities) for name in names if name in table), 0
        )
    strips = usual.strip_metadata if wanted.strips is None else wanted.strips
    keeps = bool(usual.keep) if wanted.keeps_copyright is None else wanted.keeps_copyright
    return replace(
        usual,
        quality=quality or usual.quality,
        outputs=outputs,
        strip_metadata=strips,
        keep=(Keep.COPYRIGHT,) if keeps and strips else (),
        target_bytes=wanted.max_bytes or None,
        keeps_size=bool(wanted.max_bytes),
        min_score=wanted.score or None,
        edits=_edits(wanted),
    )


def _edits(wanted: Wanted) -> Edits:
    sides = [
        min(SIDE_PX.most, max(1, round(side * zoom))) if side else None
        for side, zoom in zip((wanted.width, wanted.height), wanted.zoom, strict=True)
    ]
    return Edits(
        trim=wanted.trim,
        window=None if wanted.crop is None else _window(wanted, *wanted.crop),
        rotate_degrees=wanted.turn,
        resize=_resize(wanted, sides[0], sides[1]),
        blur_sigma=wanted.blur_sigma,
        sharpen=wanted.sharpens,
        pixelate_px=wanted.pixelate,
        frame=_frame(wanted, sides),
        dpr=wanted.dpr,
        ground=wanted.ground,
    )


def _window(wanted: Wanted, width: float, height: float) -> Window:
    """The crop, which imgproxy means in the turned picture, in the one that is not turned yet."""
    gravity = (wanted.crop_gravity or wanted.gravity).before_turning(wanted.turn)
    if gravity.anchor is None:
        raise InvalidRequest("a crop to what draws attention is not done here: resize with fill and g:sm")
    if wanted.turn % 180:
        width, height = height, width
    return Window(width=width, height=height, anchor=gravity.anchor, shift=gravity.shift)


def _resize(wanted: Wanted, width: int | None, height: int | None) -> Resize | None:
    made = Resize(
        width_px=width, height_px=height, anchor=wanted.gravity.anchor, shift=wanted.gravity.shift, zoom=wanted.zoom,
        least_width_px=wanted.least_width, least_height_px=wanted.least_height,
    )  # fmt: skip
    if (width, height) == (None, None):
        made = replace(made, fit=Fit.SCALE if wanted.enlarges else Fit.INSIDE)
        return None if made.zoom == (1.0, 1.0) and not made.cuts else made
    if wanted.fit == "force":
        return replace(made, fit=Fit.EXACT, enlarge=wanted.enlarges)
    if wanted.fit == "auto":
        if wanted.enlarges:
            raise InvalidRequest("'auto' with enlarge is not done here")
        return replace(made, fit=Fit.AUTO)
    if wanted.fit == "fit" or width is None or height is None:
        return replace(made, fit=Fit.SCALE if wanted.enlarges else Fit.INSIDE)
    if wanted.fit == "fill-down" and not wanted.enlarges:
        return replace(made, fit=Fit.COVER, enlarge=False)
    return replace(made, fit=Fit.COVER if wanted.enlarges else Fit.FILL)


def _stands(gravity: Gravity) -> tuple[Anchor, Shift]:
    assert gravity.anchor is not None  # was refused where the option was read
    return gravity.anchor, gravity.shift


def _frame(wanted: Wanted, sides: list[int | None]) -> Frame | None:
    width, height = (side or 0 for side in sides)
    top, right, bottom, left = wanted.padding
    made = Frame(top_px=top, right_px=right, bottom_px=bottom, left_px=left)
    if wanted.extend is not None and (width or height):
        anchor, shift = _stands(wanted.extend)
        made = replace(made, least_width_px=width, least_height_px=height, anchor=anchor, shift=shift)
    if wanted.extend_ratio is not None and width and height:
        anchor, shift = _stands(wanted.extend_ratio)
        made = replace(made, ratio=width / height, ratio_anchor=anchor, ratio_shift=shift)
    return None if made == Frame() else made

"""What the options of a URL say together, and the recipe that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pixlean.domain.edits import CENTRE, Anchor, Edits, Fit, Frame, Resize, Window
from pixlean.domain.errors import InvalidRequest
from pixlean.domain.formats import Format
from pixlean.domain.recipe import SIDE_PX, Keep, Recipe


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the options said, as they said it; sides in pixels before ``dpr`` and ``zoom``, 0 where none is named.

    ``anchor`` is ``None`` for what draws attention. ``expires_at`` is in seconds since 1970.
    """

    fit: str = "fit"
    width: int = 0
    height: int = 0
    enlarges: bool = False
    extends: bool = False
    extend_anchor: Anchor = CENTRE
    anchor: Anchor | None = CENTRE
    crop: tuple[float, float] | None = None
    crop_anchor: Anchor | None = None
    zoom: tuple[float, float] = (1.0, 1.0)
    dpr: float = 1.0
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    turn: int = 0
    ground: tuple[int, int, int] | None = None
    blur_sigma: float = 0.0
    sharpens: bool = False
    quality: int = 0
    qualities: Mapping[str, int] = field(default_factory=dict)
    max_bytes: int = 0
    format: str = ""
    strips: bool | None = None
    keeps_copyright: bool | None = None
    file_name: str = ""
    attaches: bool = False
    expires_at: int = 0


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
        edits=_edits(wanted),
    )


def _edits(wanted: Wanted) -> Edits:
    sides = [
        min(SIDE_PX.most, max(1, round(side * zoom * wanted.dpr))) if side else None
        for side, zoom in zip((wanted.width, wanted.height), wanted.zoom, strict=True)
    ]
    window = None
    if wanted.crop is not None:
        anchor = wanted.crop_anchor or wanted.anchor
        if anchor is None:
            raise InvalidRequest("a crop to what draws attention is not done here: resize with fill and g:sm")
        window = Window(width=wanted.crop[0], height=wanted.crop[1], anchor=anchor)
    return Edits(
        window=window,
        rotate_degrees=wanted.turn,
        resize=_resize(wanted, sides[0], sides[1]) if sides != [None, None] else None,
        blur_sigma=wanted.blur_sigma,
        sharpen=wanted.sharpens,
        frame=_frame(wanted, sides),
        ground=wanted.ground,
    )


def _resize(wanted: Wanted, width: int | None, height: int | None) -> Resize:
    made = Resize(width_px=width, height_px=height, anchor=wanted.anchor)
    if wanted.fit == "force":
        return replace(made, fit=Fit.EXACT)
    if wanted.fit == "auto":
        if wanted.enlarges:
            raise InvalidRequest("'auto' with enlarge is not done here")
        return replace(made, fit=Fit.AUTO)
    if wanted.fit == "fit" or width is None or height is None:
        return replace(made, fit=Fit.SCALE if wanted.enlarges else Fit.INSIDE)
    if wanted.fit == "fill-down" and not wanted.enlarges:
        return replace(made, fit=Fit.COVER, enlarge=False)
    return replace(made, fit=Fit.COVER if wanted.enlarges else Fit.FILL)


def _frame(wanted: Wanted, sides: list[int | None]) -> Frame | None:
    least = [side or 0 for side in sides] if wanted.extends else [0, 0]
    top, right, bottom, left = (round(side * wanted.dpr) for side in wanted.padding)
    if not any((*least, top, right, bottom, left)):
        return None
    return Frame(
        least_width_px=least[0], least_height_px=least[1], anchor=wanted.extend_anchor,
        top_px=top, right_px=right, bottom_px=bottom, left_px=left,
    )  # fmt: skip

"""What a picture would take in other formats at the same look, from a part of it."""

from __future__ import annotations

from dataclasses import replace

from pixlean.domain.errors import PixleanError
from pixlean.domain.estimate import Alternative
from pixlean.domain.formats import FORMATS, Format
from pixlean.domain.limits import Deadline
from pixlean.domain.recipe import Recipe
from pixlean.engine.aim import aim
from pixlean.engine.canvas import Canvas, make_canvas
from pixlean.engine.plan import make_plan
from pixlean.engine.registry import writes_of
from pixlean.imaging.contract import Source
from pixlean.imaging.sampling import tiles

# A tenth of a megapixel: all four formats take some 0.3 s. Twice as much made the median error no smaller.
_TILE_PX, _SAMPLE_PX = 128, 131_072


def alternatives(source: Source, recipe: Recipe, deadline: Deadline) -> tuple[Alternative, ...]:
    """The size in each format that loses to be small and that viewers show, at the look that the recipe's quality has.

    The look is that which a recipe with several formats aims at, so the numbers are those of ``compress`` for it, each
    format by itself. Empty for drawings and for what moves. Raises what ``compress`` raises before it encodes.
    """
    info = source.info
    if FORMATS[info.format].vector or info.frames > 1:
        return ()
    formats = tuple(name for name, row in FORMATS.items() if row.audience is not None and _loses(name))
    wanted = replace(recipe, outputs=formats, auto=False, stay=False, target_bytes=None, max_reduction=None)
    canvas = make_canvas(source, make_plan(source, wanted))
    sample = tiles(canvas.picture.first, tile_px=_TILE_PX, most_px=_SAMPLE_PX)
    share = 1.0
    if sample is not None:
        part = replace(canvas.picture, frames=(sample.frame,), durations_ms=())
        canvas, share = canvas.of(part), sample.share
    found = (_alternative(canvas, name, share, deadline) for name in canvas.targets())
    return tuple(sorted(filter(None, found), key=lambda each: each.size_bytes))


def _loses(name: Format) -> bool:
    abilities = writes_of(name).abilities
    return abilities.lossy and not abilities.palette


def _alternative(canvas: Canvas, name: Format, share: float, deadline: Deadline) -> Alternative | None:
    """``None`` where the format can't have that look."""
    deadline.check()
    try:
        candidates = [each for each in aim(canvas, name, deadline) if each.obeys]
    except PixleanError:
        deadline.check()
        return None
    size_bytes = min((len(each.data) for each in candidates), default=None)
    return None if size_bytes is None else Alternative(format=name, size_bytes=round(size_bytes / share))

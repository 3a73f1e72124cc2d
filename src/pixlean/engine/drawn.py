"""Resized drawings of few colours: bounded by the palette and the bytes that they came with."""

from __future__ import annotations

from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.engine.canvas import Canvas
from pixlean.engine.pick import Candidate
from pixlean.engine.registry import writes_of
from pixlean.imaging.edit import without_idle_alpha
from pixlean.imaging.fewcolours import averaged, colours_of, with_colours
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.worth import LEAST_PALETTE_SCORE

# libimagequant can't do with fewer and still soften an edge.
_FEWEST = 8


def bounded(
    canvas: Canvas, target: Format, candidates: tuple[Candidate, ...], deadline: Deadline
) -> tuple[Candidate, ...]:
    """The candidates, or where all outgrow the source the first that does not: in the source's own number of colours.

    Softened edges make hundreds of colours out of the few that a drawing has. Where even so few of them don't help,
    edges stay as hard as they were. The smallest where nothing fits. Raises what encoders raise.
    """
    smallest = min(candidates, key=_size)
    if _size(smallest) <= canvas.source_bytes or not _is_asked_for(canvas, target):
        return candidates
    before = canvas.before_resize
    colours = None if before is None else colours_of(before)
    if before is None or colours is None:
        return candidates
    picture = canvas.for_format(target)
    growth = picture.size_px[0] * picture.size_px[1] / (before.shape[0] * before.shape[1])
    most_bytes = canvas.source_bytes * max(1.0, growth)
    for resized, floor in ((picture.first, LEAST_PALETTE_SCORE), (averaged(before, picture.size_px), None)):
        if _size(smallest) <= most_bytes:
            break
        deadline.check()
        fewer = _encoded(canvas, target, resized, max(_FEWEST, colours), floor)
        smallest = smallest if fewer is None else min(smallest, fewer, key=_size)
    return candidates if smallest in candidates else (smallest,)


def _is_asked_for(canvas: Canvas, target: Format) -> bool:
    """Whether nothing but the source's palette and bytes says what a resize may become."""
    recipe, edits, abilities = canvas.recipe, canvas.plan.edits, writes_of(target).abilities
    aimed = recipe.min_score is not None or recipe.target_bytes is not None or recipe.keeps_every_pixel
    plain = edits.resize is not None and not edits.resize.cuts and edits.frame is None
    return plain and not aimed and (abilities.palette or (abilities.lossless and abilities.lossy))


def _encoded(canvas: Canvas, target: Format, frame: Array, colours: int, floor: float | None) -> Candidate | None:
    """In so many colours and none else; ``None`` where that scores under the floor."""
    shown = with_colours(frame, colours)
    score = canvas.judge(Picture(frames=(frame,))).score((shown,))
    if floor is not None and score < floor:
        return None
    picture = Picture(frames=tuple(without_idle_alpha([shown])))
    data = canvas.encoded(target, picture, 100, lossless=True)
    return Candidate(
        data=data, format=target, method=f"{target} ({colours} colours)", picture=picture, encodes=1, score=score
    )


def _size(candidate: Candidate) -> int:
    return len(candidate.data)

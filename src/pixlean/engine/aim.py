"""One target: encoded by quality, by eye or by size."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.domain.recipe import Recipe
from pixlean.engine.canvas import Canvas
from pixlean.engine.landing import LOWEST_QUALITY, NO_HINT, TIMES_A_TRY, Hint, Landed, by_score
from pixlean.engine.pick import Candidate
from pixlean.engine.registry import codec_for, writes_of
from pixlean.engine.search import follow, highest_under, largest_under, minimum_bytes
from pixlean.imaging.edit import resized
from pixlean.imaging.pixels import Picture
from pixlean.imaging.worth import MOST_WANTED_SCORE, PALETTE, QUALITY_LOOKS, SMART_SCORE

# A score this far below the wanted one still counts as reached: the metric's own noise.
_NEARLY = 0.5
# The size search lowers quality first, and below this the dimensions.
_LEAST_QUALITY, _MIDDLING_QUALITY, _SMALLEST_SCALE = 30, 45, 0.04
_GOOD_QUALITY = 92
_MOST_ENCODES = 8


def aim(canvas: Canvas, target: Format, deadline: Deadline, hint: Hint = NO_HINT) -> tuple[Candidate, ...]:
    """What comes of one format: one candidate, or a lossy and a lossless one. Raises what encoders raise."""
    recipe, picture = canvas.recipe, canvas.for_format(target)
    deadline.check()
    began = time.monotonic()
    abilities = writes_of(target).abilities
    exact = abilities.lossless and (not abilities.lossy or (abilities.palette and recipe.keeps_every_pixel))
    if recipe.target_bytes is not None:
        return (_by_size(canvas, target, picture, recipe.target_bytes, deadline, exact=exact),)
    wanted = _wanted_score(recipe)
    if recipe.smart and recipe.min_score is None and abilities.palette and abilities.lossless:
        wanted = None  # the smart choice of a palette is the usual one: what it must look like is settled below
    if exact:
        return (_exactly(canvas, target, picture),)
    unreachable = False
    if wanted is None:
        lossy = _not_below(canvas, _at_quality(canvas, target, picture))
        if abilities.palette and abilities.lossless and not _looks_the_same(canvas, lossy):
            return (_exactly(canvas, target, picture),)
    else:
        landed = by_score(canvas, target, picture, wanted, deadline, hint)
        lossy = _not_below(canvas, _of(landed, target, picture, wanted))
        # Where even the best quality does not look as wanted (WebP has no full chroma), nothing but all of it does.
        unreachable = not lossy.obeys and not landed.beaten
    # Of drawings what loses nothing is often the smaller file as well.
    drawn = canvas.has_few_colours
    may_take = deadline.left_seconds > TIMES_A_TRY * (time.monotonic() - began)
    if not abilities.lossless or not (drawn or unreachable) or not may_take or hint.exact:
        return (lossy,)
    return (lossy, _exactly(canvas, target, picture))


def _wanted_score(recipe: Recipe) -> float | None:
    """The score that candidates must have: as asked for, or with several formats the one that a JPEG would have."""
    if recipe.min_score is not None:
        return recipe.min_score
    if recipe.smart:
        return SMART_SCORE
    if len(recipe.outputs) > 1:
        return min(MOST_WANTED_SCORE, follow(QUALITY_LOOKS, recipe.quality))
    return None


def _candidate(
    target: Format, picture: Picture, data: bytes, quality: float | None, *, encodes: int, score: float | None = None,
    obeys: bool = True,
) -> Candidate:  # fmt: skip
    rounded = None if quality is None else round(quality)
    method = f"{target} (lossless)" if quality is None else f"{target} q{rounded}"
    return Candidate(
        data=data, format=target, method=method, picture=picture, quality=rounded, encodes=encodes, score=score,
        obeys=obeys,
    )  # fmt: skip


def _of(landed: Landed, target: Format, picture: Picture, wanted: float) -> Candidate:
    return _candidate(
        target, picture, landed.data, landed.quality, encodes=landed.encodes, score=landed.score,
        obeys=landed.score >= wanted - _NEARLY,
    )  # fmt: skip


def _exactly(canvas: Canvas, target: Format, picture: Picture) -> Candidate:
    """Every pixel."""
    data = canvas.encoded(target, picture, 100, lossless=True)
    return _candidate(target, picture, data, None, encodes=1, score=100.0)


def _at_quality(canvas: Canvas, target: Format, picture: Picture) -> Candidate:
    """At the recipe's quality, but no better than the source's own where it has the same scale."""
    known = canvas.source_quality(target)
    quality = canvas.recipe.quality if known is None else min(canvas.recipe.quality, known)
    data = canvas.encoded(target, picture, quality, alone=True)
    return _candidate(target, picture, data, quality, encodes=1)


def _looks_the_same(canvas: Canvas, candidate: Candidate) -> bool:
    """Whether a choice of colours keeps the look that the same choice for a file of this format would have to."""
    assert candidate.picture is not None
    floor = PALETTE[canvas.recipe.strength].floor_score
    shown = codec_for(candidate.format).decode(candidate.data).frames
    return floor is None or canvas.judge(candidate.picture).score(shown) >= floor


def _not_below(canvas: Canvas, candidate: Candidate) -> Candidate:
    """The same, or at the lowest quality above that obeys ``max_reduction``; at 100 where none does."""
    least = minimum_bytes(canvas.source_bytes, canvas.recipe.max_reduction)
    quality, picture, target = candidate.quality, candidate.picture, candidate.format
    if quality is None or picture is None or len(candidate.data) >= least:
        return candidate
    tried: dict[int, bytes] = {}

    def at(value: float) -> bytes:
        if round(value) not in tried:
            tried[round(value)] = canvas.encoded(target, picture, round(value))
        return tried[round(value)]

    reached = largest_under(at, low=quality, high=100, at_least_bytes=least, tries=5)
    best, data = (round(reached[0]), reached[1]) if reached else (100, at(100))
    return _candidate(target, picture, data, best, encodes=candidate.encodes + len(tried), obeys=candidate.obeys)


def _by_size(
    canvas: Canvas, target: Format, picture: Picture, most_bytes: int, deadline: Deadline, *, exact: bool
) -> Candidate:
    """The best that fits: quality first, then the dimensions; at most eight encodes. ``obeys`` says whether it does.

    An ``exact`` target has no quality: its dimensions are all that may give way.
    """
    tried: list[Candidate] = []

    def size_at(quality: int, shown: Picture) -> int:
        deadline.check()
        data = canvas.encoded(target, shown, quality, lossless=exact)
        tried.append(_candidate(target, shown, data, None if exact else quality, encodes=1))
        return len(tried[-1].data)

    top = max(canvas.recipe.quality, _GOOD_QUALITY) if canvas.recipe.max_reduction is None else 100
    reached = highest_under(
        lambda quality: size_at(quality, picture),
        most_bytes=most_bytes,
        guess=100 if exact else 75,
        low=100 if exact else LOWEST_QUALITY if canvas.recipe.keeps_size else _LEAST_QUALITY,
        high=100 if exact else top,
        tries=_MOST_ENCODES if canvas.recipe.keeps_size else 4,
    )
    if reached is None and not canvas.recipe.keeps_size:
        smallest = min(len(each.data) for each in tried)
        # Bytes grow a little slower than pixels do, so with the 1.6th power of the sides.
        guess = round(100 * (1 - math.log(0.9 * most_bytes / smallest) / 1.6 / math.log(_SMALLEST_SCALE)))
        highest_under(
            lambda step: size_at(_MIDDLING_QUALITY, _scaled(picture, _SMALLEST_SCALE ** (1 - step / 100))),
            most_bytes=most_bytes,
            guess=guess,
            low=0,
            high=99,
            tries=_MOST_ENCODES - len(tried),
            growth=0.05,
        )
    fitting = [each for each in tried if len(each.data) <= most_bytes]
    best = max(fitting, key=_size) if fitting else min(tried, key=_size)
    return replace(best, encodes=len(tried), obeys=bool(fitting))


def _size(candidate: Candidate) -> int:
    return len(candidate.data)


def _scaled(picture: Picture, scale: float) -> Picture:
    rows, columns = picture.first.shape[:2]
    sides = max(1, round(columns * scale)), max(1, round(rows * scale))
    return replace(picture, frames=tuple(resized(frame, sides) for frame in picture.frames))

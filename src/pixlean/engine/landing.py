"""The lowest quality of a format that scores as wanted: near enough above it, in few encodes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.engine.canvas import Canvas
from pixlean.engine.registry import codec_for, writes_of
from pixlean.engine.search import lowest_reaching
from pixlean.imaging.pixels import Picture
from pixlean.imaging.sampling import mosaic

LOWEST_QUALITY, _HIGHEST_QUALITY = 5, 99
# Up to this above the wanted score counts as landed on it: a point is 4 to 5 % of the bytes. On 30 photographs at 75
# JPEGs land .19 above it with 4 encodes (median), where .4 and one try less landed .32 above it with 3; WebPs .25, as
# their scores rise in steps.
_SLACK = 0.2
# Every try of an animation encodes all its frames.
_SLACK_OF_ANIMATIONS = 1.2
# Up to here every try of a search encodes the whole picture; larger ones are begun on a mosaic of tiles.
_SEARCHED_PIXELS = 1_500_000
_TRIES, _TRIES_AFTER_A_GUESS = 6, 5
# A search goes on while there is time for this many more tries: the last one still has to be verified.
TIMES_A_TRY = 2.5
# No more of a file's logarithm is saved by a point of score less, and by packing a draft.
_MOST_GAIN_OF_A_POINT, _MOST_GAIN_OF_PACKING = 0.12, 0.5


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What is known before a search: a ``quality`` that should come near, and the ``best_bytes`` of other formats.

    A search that can't come below those ends with what it has. ``exact`` where every pixel is already in a file of
    this format.
    """

    quality: float | None = None
    best_bytes: float = math.inf
    exact: bool = False


NO_HINT = Hint()


@dataclass(frozen=True, kw_only=True)
class Landed:
    """Where a search ended: the encoder's quality, the file, its score, and how many were encoded of the whole.

    ``beaten`` where it ended because another format's file stays smaller.
    """

    quality: float
    data: bytes
    score: float
    encodes: int
    beaten: bool = False


def by_score(
    canvas: Canvas, target: Format, picture: Picture, wanted: float, deadline: Deadline, hint: Hint = NO_HINT
) -> Landed:
    """The lowest quality that scores as wanted, or the best there was. Raises what encoders raise."""
    if hint.quality is None and len(picture.frames) == 1 and _area_px(picture) > _SEARCHED_PIXELS:
        tile = mosaic(picture.first, tile_px=256, most_px=1_048_576)
        if tile is not None:
            part = replace(picture, frames=(tile,))
            hint = replace(hint, quality=_searched(canvas, target, part, wanted, deadline, NO_HINT, _TRIES)[0])
    tries = _TRIES if hint.quality is None and len(picture.frames) == 1 else _TRIES_AFTER_A_GUESS
    quality, tried = _searched(canvas, target, picture, wanted, deadline, hint, tries)
    data, score = tried[quality]
    beaten = any(_is_beaten(target, made, looks - wanted, hint) for made, looks in tried.values())
    if writes_of(target).abilities.drafts and not beaten:
        data = canvas.encoded(target, picture, quality)
    return Landed(quality=quality, data=data, score=score, encodes=len(tried), beaten=beaten)


def _area_px(picture: Picture) -> int:
    rows, columns = picture.first.shape[:2]
    return int(rows * columns)


def _is_beaten(target: Format, data: bytes, above: float, hint: Hint) -> bool:
    """Whether another format's file stays the smaller one, wherever near this score the search lands."""
    gain = _MOST_GAIN_OF_A_POINT * max(0.0, above)
    if writes_of(target).abilities.drafts:
        gain += _MOST_GAIN_OF_PACKING
    return len(data) * math.exp(-gain) >= hint.best_bytes


def _searched(
    canvas: Canvas, target: Format, picture: Picture, wanted: float, deadline: Deadline, hint: Hint, tries: int
) -> tuple[float, dict[float, tuple[bytes, float]]]:
    """The quality that a search ends at, and all that it tried with their scores."""
    decode, judge, abilities = codec_for(target).decode, canvas.judge(picture), writes_of(target).abilities
    whole_chroma = abilities.halves_chroma and canvas.needs_whole_chroma(picture, wanted)
    tried: dict[float, tuple[bytes, float]] = {}
    slowest_seconds = 0.0
    beaten = False

    def measure(quality: float) -> float:
        nonlocal slowest_seconds, beaten
        deadline.check()
        began = time.monotonic()
        data = canvas.encoded(target, picture, quality, draft=True, whole_chroma=whole_chroma)
        tried[quality] = (data, judge.score(decode(data).frames))
        slowest_seconds = max(slowest_seconds, time.monotonic() - began)
        beaten = beaten or _is_beaten(target, data, tried[quality][1] - wanted, hint)
        return tried[quality][1]

    quality = lowest_reaching(
        measure,
        target=wanted,
        usual=(canvas.has_few_colours and abilities.looks_drawn) or abilities.looks,
        step=abilities.quality_step,
        low=LOWEST_QUALITY,
        high=_HIGHEST_QUALITY,
        slack=_SLACK if len(picture.frames) == 1 else _SLACK_OF_ANIMATIONS,
        tries=tries,
        guess=hint.quality,
        goes_on=lambda: not beaten and deadline.left_seconds > TIMES_A_TRY * slowest_seconds,
    )
    return quality, tried

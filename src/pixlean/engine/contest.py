"""Which of several formats may win, told on a part of a large picture: the others need not encode all of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import Format
from pixlean.domain.limits import Deadline
from pixlean.domain.report import Attempt
from pixlean.engine.aim import aim
from pixlean.engine.canvas import Canvas
from pixlean.engine.pick import Candidate
from pixlean.engine.registry import writes_of
from pixlean.imaging.sampling import mosaic

# Smaller pictures take hardly longer than the part would.
_LARGE_PX = 1_500_000
_TILE_PX, _PART_PX = 128, 262_144
# On parts of this size a format's share of the best one's bytes is told to some 5 %; this is thrice that. What repeats
# itself over a drawing is not all seen on its parts.
_REACH, _REACH_OF_DRAWINGS = 1.15, 1.6
# The part is encoded some three times, the whole picture once or twice.
_TRIES_LESS = 2.0


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a part took in a format: ``None`` bytes where it was not to be had as it is wanted."""

    size_bytes: int | None
    seconds: float
    quality: int | None = None


@dataclass(frozen=True, kw_only=True)
class Contest:
    """The formats worth encoding whole, likely winners first, with the ``qualities`` that came near on a part."""

    targets: tuple[Format, ...]
    beaten: tuple[Attempt, ...] = ()
    qualities: dict[Format, int | None] = field(default_factory=dict)


def contenders(canvas: Canvas, deadline: Deadline) -> Contest:
    """The formats that are worth encoding whole, and why the others are not.

    Raises ``LimitExceeded`` where none holds the picture.
    """
    recipe, picture = canvas.recipe, canvas.picture
    targets = tuple(sorted(canvas.targets(), key=lambda target: writes_of(target).abilities.usual_share))
    rows, columns = picture.first.shape[:2]
    plain = len(picture.frames) == 1 and recipe.target_bytes is None and recipe.max_reduction is None
    if len(targets) < 2 or rows * columns <= _LARGE_PX or not plain:
        return Contest(targets=targets)
    tile = mosaic(picture.first, tile_px=_TILE_PX, most_px=_PART_PX)
    if tile is None:
        return Contest(targets=targets)
    part = canvas.of(replace(picture, frames=(tile,)))
    told = {target: _told(part, target, deadline) for target in targets}
    times = rows * columns / (tile.shape[0] * tile.shape[1]) / _TRIES_LESS
    reach = _REACH_OF_DRAWINGS if canvas.has_few_colours else _REACH
    why = _beaten(told, times, reach, deadline.left_seconds)
    attempts = tuple(Attempt(method=str(target), size_bytes=None, dropped=reason) for target, reason in why.items())
    left = (target for target in targets if target not in why)
    return Contest(
        targets=tuple(sorted(left, key=lambda target: told[target].size_bytes or 0)),
        beaten=attempts,
        qualities={target: told[target].quality for target in targets},
    )


def _told(part: Canvas, target: Format, deadline: Deadline) -> _Told:
    """Where it fails or is not as wanted, the whole picture tells why."""
    began = time.monotonic()
    made: tuple[Candidate, ...] = ()
    try:
        made = aim(part, target, deadline)
    except PixleanError:
        deadline.check()
    return _Told(
        size_bytes=min((len(each.data) for each in made if each.obeys), default=None),
        seconds=time.monotonic() - began,
        quality=next((each.quality for each in made if each.quality is not None), None),
    )


def _beaten(told: dict[Format, _Told], times: float, reach: float, left_seconds: float) -> dict[Format, str]:
    """Who needs more time than is left, unless all do, and who is out of the best one's reach."""
    late = {target: "would take too long" for target, each in told.items() if each.seconds * times > left_seconds}
    if len(late) == len(told):
        quickest = min(told, key=lambda target: told[target].seconds)
        late = {target: reason for target, reason in late.items() if target is not quickest}
    sizes = {target: each.size_bytes for target, each in told.items() if each.size_bytes and target not in late}
    best = min(sizes, key=lambda target: sizes[target], default=None)
    if best is None:
        return late
    return late | {
        target: f"on a part of the picture {best} takes {100 - 100 * sizes[best] / size:.0f} % less"
        for target, size in sizes.items()
        if size > reach * sizes[best]
    }

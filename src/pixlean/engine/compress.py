"""The story: probe, plan, try, pick, verify."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import starmap

from pixlean.domain.errors import EngineFailed
from pixlean.domain.formats import FORMATS, Format, still_of
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome, Report
from pixlean.engine.canvas import Canvas, make_canvas
from pixlean.engine.pick import Candidate, by_preference
from pixlean.engine.plan import Plan, make_plan
from pixlean.engine.probe import open_source
from pixlean.engine.promises import broken_promise
from pixlean.engine.trials import Trying, begin, nothing_left, run_targets, run_trials
from pixlean.imaging.contract import Source
from pixlean.imaging.metadata import selected_exif
from pixlean.imaging.pixels import same_pixels


@dataclass(frozen=True, kw_only=True)
class _Verified:
    """The candidate that keeps its promises, with its score and all that was tried."""

    candidate: Candidate
    score: float | None
    trying: Trying


def compress(data: bytes, recipe: Recipe, limits: Limits | None = None, deadline: Deadline | None = None) -> Outcome:
    """Make one picture smaller and prove that it keeps its promises.

    Raises ``BadImage`` (no picture, or one that does not decode), ``LimitExceeded`` (decided from the header),
    ``InvalidRequest`` (edits or aims that this picture has no room for) and ``EngineFailed`` (out of time, or nothing
    that may be returned).
    """
    return compress_source(open_source(data, limits), recipe, deadline or Deadline())


def compress_source(source: Source, recipe: Recipe, deadline: Deadline) -> Outcome:
    """The same for a picture whose header was read. Raises as ``compress`` does."""
    clock = _Clock()
    plan = make_plan(source, recipe)
    trying = run_trials(source, begin(source, plan), plan, deadline)
    clock.lap("encode")
    canvas = make_canvas(source, plan) if plan.targets else None
    clock.lap("decode")
    if canvas is not None:
        trying = run_targets(source, canvas, trying, deadline)
    clock.lap("encode")
    verified = _first_that_keeps(source, plan, trying, deadline)
    clock.lap("verify")
    return _outcome(source, canvas, verified, clock)


class _Clock:
    """Seconds by step, for the report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """Count the time since the last lap towards a step."""
        now = time.perf_counter()
        self.seconds[step] = self.seconds.get(step, 0.0) + now - self._last
        self._last = now


def _first_that_keeps(source: Source, plan: Plan, trying: Trying, deadline: Deadline) -> _Verified:
    """The best candidate that survives being decoded and compared.

    Where the best one breaks a promise, the trials that it had made pointless get their turn.
    """
    while True:
        ranked = by_preference(trying.candidates, source.info)
        if not ranked:
            check_decodes(source)
            raise nothing_left(source, trying)
        best = ranked[0]
        if best.is_untouched and best.trial is None:
            check_decodes(source)
            said, score = None, None
        else:
            deadline.check()
            said, score = broken_promise(source, plan, best)
        if said is None:
            try:
                return _Verified(candidate=_with_kept(best, source, plan.recipe), score=score, trying=trying)
            except EngineFailed as error:
                said = error.message
        trying = run_trials(source, trying.without(best, said), plan, deadline)


def _with_kept(candidate: Candidate, source: Source, recipe: Recipe) -> Candidate:
    """The candidate with the metadata that is to stay although the rest goes, where its format has a place for it."""
    codec = source.codec
    wanted = candidate.is_untouched and recipe.keep and recipe.strip_metadata and source.info.metadata
    if not wanted or codec.with_exif is None or codec.metadata is None:
        return candidate
    kept = selected_exif(codec.metadata(source.data), recipe.keep, source.info.orientation)
    if kept is None:
        return candidate
    dressed = codec.with_exif(candidate.data, kept)
    if not all(starmap(same_pixels, zip(codec.frames(candidate.data), codec.frames(dressed), strict=True))):
        raise EngineFailed("the metadata could not be kept")
    return replace(candidate, data=dressed)


def check_decodes(source: Source) -> None:
    """A picture that is handed back as it came must at least decode: raises ``BadImage`` where it does not."""
    if not source.is_decoded:
        for _ in source.codec.frames(source.data):
            pass


def _outcome(source: Source, canvas: Canvas | None, verified: _Verified, clock: _Clock) -> Outcome:
    winner, picture = verified.candidate, verified.candidate.picture
    sides = source.info.displayed_px if picture is None else picture.size_px
    wanted = canvas is not None and canvas.recipe.target_bytes is not None
    report = Report(
        format=winner.format if picture is None else _moving(winner.format, len(picture.frames)),
        method=winner.method,
        size_bytes=len(winner.data),
        width_px=sides[0],
        height_px=sides[1],
        source_format=source.info.format,
        source_bytes=len(source.data),
        source_px=source.info.displayed_px,
        attempts=verified.trying.attempts,
        score=verified.score,
        quality=winner.quality,
        encodes=sum(each.encodes for each in verified.trying.candidates),
        target_met=winner.obeys if wanted else None,
        resized=canvas is not None and picture is not None and canvas.was_resized(source, picture),
        seconds=clock.seconds,
    )
    return Outcome(data=winner.data, report=report)


def _moving(name: Format, frames: int) -> Format:
    """What a format is called with so many frames."""
    if frames < 2:
        return name
    return next((each for each in FORMATS if each is not name and still_of(each) is name), name)

"""Run a plan: the codec's trials on shared pixels, then the targets; what fails drops out with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from pixlean.domain.edits import NO_EDITS
from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError
from pixlean.domain.formats import Format, still_of
from pixlean.domain.limits import Deadline
from pixlean.domain.report import Attempt
from pixlean.engine.aim import aim
from pixlean.engine.canvas import Canvas
from pixlean.engine.contest import contenders
from pixlean.engine.drawn import bounded
from pixlean.engine.landing import Hint
from pixlean.engine.pick import PERFECT_LOOK, Candidate, best_bytes
from pixlean.engine.plan import Plan
from pixlean.engine.registry import codec_for
from pixlean.engine.search import largest_under, minimum_bytes
from pixlean.imaging.contract import DropTrial, Source, Trial

_Value = TypeVar("_Value")
# Targets come after every trial of the source's own file: at equal size what is untouched wins.
_FIRST_TARGET_RANK = 1000


@dataclass(frozen=True, kw_only=True)
class Trying:
    """How far a plan has come: candidates so far, evidence, trials still to run, and why the first target failed."""

    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    left: tuple[tuple[int, Trial], ...] = ()
    error: PixleanError | None = None

    def without(self, loser: Candidate, dropped: str) -> Trying:
        """The state after a candidate broke a promise, and without the trials that can do no better."""
        attempt = Attempt(method=loser.method, size_bytes=len(loser.data), dropped=dropped)
        rest = tuple(candidate for candidate in self.candidates if candidate is not loser)
        left = tuple(each for each in self.left if _is_worth_trying(each[1], loser))
        return replace(self, candidates=rest, attempts=(*self.attempts, attempt), left=left)


def _is_worth_trying(trial: Trial, loser: Candidate) -> bool:
    return trial.can_beat is None or trial.method != loser.method or trial.can_beat(loser.data)


def begin(source: Source, plan: Plan) -> Trying:
    """Nothing tried yet; the original is a candidate where it may stay."""
    recipe = plan.recipe
    original = Candidate(data=source.data, format=source.info.format, method="none")
    fits = recipe.target_bytes is None or len(source.data) <= recipe.target_bytes
    if recipe.target_bytes is not None:
        original = replace(original, look=PERFECT_LOOK)
    return Trying(candidates=(original,) if plan.may_stay and fits else (), left=tuple(enumerate(plan.trials, 1)))


def run_trials(source: Source, trying: Trying, plan: Plan, deadline: Deadline) -> Trying:
    """Run the trials that are left, but for those that the best of the others has made pointless."""
    for rank, trial in trying.left:
        best = min((len(each.data) for each in trying.candidates if each.trial is not None), default=math.inf)
        if is_pointless(trial, best, len(source.data)):
            continue
        deadline.check()
        encoded, dropped, _ = attempt(partial(_made, source, trial, plan))
        if encoded is not None:
            dropped = _no_candidate(trial, len(encoded), source, plan)
        said = Attempt(method=trial.method, size_bytes=None if encoded is None else len(encoded), dropped=dropped)
        left = tuple(each for each in trying.left if each[0] != rank)
        trying = replace(trying, attempts=(*trying.attempts, said), left=left)
        if encoded is not None and dropped is None:
            look = (0.0, 0.0) if plan.recipe.target_bytes is None else PERFECT_LOOK
            candidate = Candidate(
                data=encoded, format=source.info.format, method=trial.method, rank=rank, trial=trial, look=look
            )
            trying = replace(trying, candidates=(*trying.candidates, candidate))
    return trying


def run_targets(source: Source, canvas: Canvas, trying: Trying, deadline: Deadline) -> Trying:
    """Encode the canvas in each target. Raises ``LimitExceeded`` where no target holds it."""
    encoded: list[Candidate] = []
    contest = contenders(canvas, deadline)
    trying = replace(trying, attempts=(*trying.attempts, *contest.beaten))
    enough_seconds = deadline.left_seconds / 2
    for target in contest.targets:
        if encoded and deadline.left_seconds < enough_seconds < math.inf:
            late = Attempt(method=str(target), size_bytes=None, dropped="no time was left")
            trying = replace(trying, attempts=(*trying.attempts, late))
            continue
        hint = Hint(
            quality=contest.qualities.get(target),
            best_bytes=best_bytes((*trying.candidates, *encoded)),
            exact=canvas.plan.edits == NO_EDITS and any(each.keeps_all(target) for each in trying.candidates),
        )
        candidates, dropped, error = attempt(partial(aim, canvas, target, deadline, hint))
        if candidates:
            candidates = attempt(partial(bounded, canvas, target, candidates, deadline))[0] or candidates
        candidates = (*(candidates or ()), *_resized_file(source, canvas, target)) or candidates
        said = (
            tuple(Attempt(method=each.method, size_bytes=len(each.data)) for each in candidates)
            if candidates
            else (Attempt(method=str(target), size_bytes=None, dropped=dropped),)
        )
        trying = replace(trying, attempts=(*trying.attempts, *said), error=trying.error or error)
        encoded += candidates or ()
    if canvas.recipe.target_bytes is not None and len(encoded) > 1:
        encoded = [replace(each, look=_look(canvas, each)) for each in encoded]
    ranked = tuple(replace(each, rank=_FIRST_TARGET_RANK + number) for number, each in enumerate(encoded))
    return replace(trying, candidates=(*trying.candidates, *ranked))


# Below this a file that was resized as it is looks worse than one that was encoded anew.
_RESIZED_FLOOR = 50.0


def _resized_file(source: Source, canvas: Canvas, target: Format) -> tuple[Candidate, ...]:
    """The source's own file at another size, where its format can do that and nothing else is asked for."""
    resize_file, recipe, edits = source.codec.resize_file, canvas.recipe, canvas.plan.edits
    only_resized = edits.resize is not None and replace(edits, resize=None) == NO_EDITS
    moves = len(canvas.picture.frames) > 1
    plain = recipe.target_bytes is None and edits.resize is not None and not edits.resize.cuts
    if resize_file is None or not (only_resized and plain and moves) or target is not still_of(source.info.format):
        return ()
    data, _, _ = attempt(partial(resize_file, source, *canvas.picture.size_px))
    if data is None:
        return ()
    picture = canvas.for_format(target)
    score = canvas.judge(picture).score(codec_for(target).decode(data).frames)
    wanted = max(_RESIZED_FLOOR, recipe.min_score or 0.0)
    kept = Candidate(
        data=data, format=target, method=f"{target} resized", picture=picture, quality=recipe.quality, encodes=1,
        score=score,
    )  # fmt: skip
    return (kept,) if score >= wanted else ()


def _look(canvas: Canvas, candidate: Candidate) -> tuple[float, float]:
    """More pixels look better than fewer; with as many, the higher score."""
    assert candidate.picture is not None
    score = canvas.judge(candidate.picture).score(codec_for(candidate.format).decode(candidate.data).frames)
    return -candidate.picture.first.size, -score


def is_pointless(trial: Trial, best_bytes: float, original_bytes: int) -> bool:
    """Whether the best candidate so far is so small that the trial can't be worth its time."""
    return trial.unless_below is not None and best_bytes < trial.unless_below * original_bytes


def saves_too_little(trial: Trial, size_bytes: int, original_bytes: int) -> bool:
    """Whether a lossy result is not worth its generation loss."""
    return bool(trial.loss.must_gain) and 1 - size_bytes / original_bytes < trial.loss.must_gain


def _no_candidate(trial: Trial, size_bytes: int, source: Source, plan: Plan) -> str | None:
    """Why a trial's result is no candidate, by its size alone."""
    if saves_too_little(trial, size_bytes, len(source.data)):
        return "saves too little for a generation loss"
    if plan.recipe.target_bytes is not None and size_bytes > plan.recipe.target_bytes:
        return "larger than the wanted size"
    return None


def attempt(make: Callable[[], _Value]) -> tuple[_Value | None, str | None, PixleanError | None]:
    """What ``make`` makes; or why it made nothing, and the error where it is one of ours.

    A failed trial is no failed request, unless time or memory ran out.
    """
    try:
        return make(), None, None
    except MemoryError:
        raise
    except DropTrial as said:
        return None, str(said), None
    except PixleanError as error:
        if error.code is ErrorCode.TIMEOUT:
            raise
        return None, error.message, error
    except Exception as error:  # codecs raise a dozen types
        return None, f"failed: {type(error).__name__}", None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's panics are no Exception
            raise
        return None, "failed: a Rust panic", None


def _made(source: Source, trial: Trial, plan: Plan) -> bytes:
    encoded, recipe, knob = trial.make(source), plan.recipe, trial.knob
    if recipe.max_reduction is None or knob is None:
        return encoded
    least = minimum_bytes(len(source.data), recipe.max_reduction)
    if len(encoded) >= least:
        return encoded
    turned = largest_under(lambda value: knob.at(value)(source), low=knob.low, high=knob.high, at_least_bytes=least)
    if turned is None:
        raise DropTrial("no quality keeps the reduction under max_reduction")
    return turned[1]


def nothing_left(source: Source, trying: Trying) -> PixleanError:
    """What to say where no candidate is left."""
    dropped = [f"{each.method}: {each.dropped}" for each in trying.attempts if each.dropped]
    return trying.error or EngineFailed(
        "nothing that keeps its promises could be made of this picture",
        facts={"format": str(source.info.format), "dropped": dropped},
    )

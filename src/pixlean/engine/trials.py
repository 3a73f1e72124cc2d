"""Run a plan's trials on shared pixels, cheapest proof first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from pixlean.domain.errors import EngineFailed, ErrorCode
from pixlean.domain.limits import Deadline
from pixlean.domain.outcome import Attempt, Candidate
from pixlean.domain.plan import Plan, Trial
from pixlean.domain.recipe import Recipe
from pixlean.engine.registry import codec_for
from pixlean.engine.search import largest_under
from pixlean.imaging.contract import DropTrial, Source

_Made = TypeVar("_Made")


@dataclass(frozen=True, kw_only=True)
class Trying:
    """How far the trials of a plan have come: candidates so far, evidence, and the trials still to run."""

    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    left: tuple[tuple[int, Trial], ...] = ()


def begin(plan: Plan) -> Trying:
    """Nothing tried yet."""
    return Trying(left=tuple(enumerate(plan.trials, 1)))


def run_trials(source: Source, trying: Trying, recipe: Recipe, deadline: Deadline) -> Trying:
    """Run the trials that are left, but for those that the best candidate so far has made pointless."""
    candidates, attempts, left = list(trying.candidates), list(trying.attempts), []
    original_bytes = len(source.data)
    for rank, trial in trying.left:
        best = min((len(candidate.data) for candidate in candidates), default=math.inf)
        if is_pointless(trial, best, original_bytes):
            left.append((rank, trial))
            continue
        deadline.check()
        made, dropped = attempt(lambda trial=trial: _made(source, trial, recipe))  # type: ignore[misc]
        if made is not None and saves_too_little(trial, len(made), original_bytes):
            dropped = "saves too little for a generation loss"
        attempts.append(Attempt(method=trial.method, size_bytes=None if made is None else len(made), dropped=dropped))
        if made is not None and dropped is None:
            candidates.append(Candidate(data=made, trial=trial, rank=rank, method=trial.method))
    return Trying(candidates=tuple(candidates), attempts=tuple(attempts), left=tuple(left))


def without(trying: Trying, loser: Candidate, dropped: str) -> Trying:
    """The state after a candidate broke a promise."""
    attempt = Attempt(method=loser.method, size_bytes=len(loser.data), dropped=dropped)
    rest = tuple(candidate for candidate in trying.candidates if candidate is not loser)
    return replace(trying, candidates=rest, attempts=(*trying.attempts, attempt))


def is_pointless(trial: Trial, best_bytes: float, original_bytes: int) -> bool:
    """Whether the best candidate so far is so small that the trial can't be worth its time."""
    return trial.unless_below is not None and best_bytes < trial.unless_below * original_bytes


def saves_too_little(trial: Trial, size_bytes: int, original_bytes: int) -> bool:
    """Whether a lossy result is not worth its generation loss."""
    return bool(trial.must_gain) and 1 - size_bytes / original_bytes < trial.must_gain


def attempt(make: Callable[[], _Made]) -> tuple[_Made | None, str | None]:
    """What ``make`` makes, or why it made nothing: a failed trial is no failed request."""
    try:
        return make(), None
    except MemoryError:
        raise
    except DropTrial as said:
        return None, str(said)
    except EngineFailed as error:
        if error.code is ErrorCode.TIMEOUT:
            raise
        return None, error.message
    except Exception as error:  # codecs raise a dozen types
        return None, f"failed: {type(error).__name__}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's panics are no Exception
            raise
        return None, "failed: a Rust panic"


def _made(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    codec = codec_for(source.info.format)
    made = codec.run(source, trial, recipe)
    if recipe.max_reduction is None or trial.quality_parameter is None:
        return made
    least = minimum_bytes(len(source.data), recipe.max_reduction)
    if len(made) >= least:
        return made
    name = trial.quality_parameter

    def encode(value: float) -> bytes:
        turned = value if isinstance(trial.parameters[name], float) else round(value)
        return codec.run(
            source, replace(trial, parameters=MappingProxyType({**trial.parameters, name: turned})), recipe
        )

    start = float(trial.parameters[name] or 0)
    end = 0.01 if name == "distance" else trial.quality_limit
    found = largest_under(encode, low=start, high=end, at_least_bytes=least)
    if found is None:
        raise DropTrial("no quality keeps the reduction under max_reduction")
    return found[1]


def minimum_bytes(original_bytes: int, max_reduction: float | None) -> int:
    """The size below which a result would exceed ``max_reduction`` per cent."""
    if max_reduction is None:
        return 0
    return -int(-(original_bytes * (100 - max_reduction) / 100) // 1)

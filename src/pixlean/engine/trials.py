"""Run a plan's trials on shared pixels, cheapest proof first."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from pixlean.domain.errors import EngineFailed, ErrorCode
from pixlean.domain.limits import Deadline
from pixlean.domain.outcome import Attempt, Candidate
from pixlean.domain.plan import Plan, Trial
from pixlean.domain.recipe import Recipe
from pixlean.engine.registry import codec_for
from pixlean.engine.search import largest_under
from pixlean.imaging.contract import DropTrial, Source


def run_trials(
    source: Source, plan: Plan, recipe: Recipe, deadline: Deadline
) -> tuple[list[Candidate], list[Attempt]]:
    """Every trial's candidate, and what became of each trial."""
    candidates: list[Candidate] = []
    attempts: list[Attempt] = []
    original_bytes = len(source.data)
    for rank, trial in enumerate(plan.trials, 1):
        best = min((len(candidate.data) for candidate in candidates), default=original_bytes)
        if trial.unless_below is not None and best < trial.unless_below * original_bytes:
            attempts.append(Attempt(method=trial.method, size_bytes=None, dropped="another trial already won"))
            continue
        deadline.check()
        try:
            made = _made(source, trial, recipe)
        except MemoryError:
            raise
        except DropTrial as said:
            attempts.append(Attempt(method=trial.method, size_bytes=None, dropped=str(said)))
            continue
        except EngineFailed as error:
            if error.code is ErrorCode.TIMEOUT:
                raise
            attempts.append(Attempt(method=trial.method, size_bytes=None, dropped=error.message))
            continue
        except Exception as error:  # codecs raise a dozen types; a failed trial is no failed request
            attempts.append(Attempt(method=trial.method, size_bytes=None, dropped=f"failed: {type(error).__name__}"))
            continue
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            attempts.append(Attempt(method=trial.method, size_bytes=None, dropped="failed: a Rust panic"))
            continue
        gain = 1 - len(made) / original_bytes
        if trial.must_gain and gain < trial.must_gain and not _obliged(source, recipe):
            attempts.append(
                Attempt(method=trial.method, size_bytes=len(made), dropped="saves too little for a generation loss")
            )
            continue
        attempts.append(Attempt(method=trial.method, size_bytes=len(made)))
        candidates.append(Candidate(data=made, trial=trial, rank=rank, method=trial.method))
    return candidates, attempts


def _obliged(source: Source, recipe: Recipe) -> bool:
    return False


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

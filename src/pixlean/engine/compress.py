"""The story: probe, plan, try, pick, verify."""

from __future__ import annotations

import time

from pixlean.domain.errors import EngineFailed
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.outcome import Candidate, Outcome
from pixlean.domain.recipe import Recipe
from pixlean.engine.pick import by_preference
from pixlean.engine.plan import make_plan
from pixlean.engine.probe import probe
from pixlean.engine.promises import broken_promise, original_is_clean
from pixlean.engine.registry import codec_for
from pixlean.engine.trials import Trying, begin, minimum_bytes, run_trials, without
from pixlean.imaging.contract import Source


def compress(
    data: bytes,
    recipe: Recipe,
    limits: Limits | None = None,
    deadline: Deadline | None = None,
    *,
    info: ImageInfo | None = None,
) -> Outcome:
    """Make one picture smaller and prove that it keeps its promises; ``info`` where it was probed already.

    Raises ``BadImage`` (no picture, or one that does not decode), ``LimitExceeded`` (decided from the header) and
    ``EngineFailed`` (out of time, or nothing that may be returned).
    """
    limits, deadline = limits or Limits(), deadline or Deadline()
    started = time.perf_counter()
    info = info or probe(data, limits)
    source = Source(codec_for(info.format), data, info)
    trying = run_trials(source, begin(make_plan(info, recipe)), recipe, deadline)
    encoded = time.perf_counter()
    winner, score, trying = _first_that_keeps(source, trying, recipe, deadline)
    seconds = {"encode": encoded - started, "verify": time.perf_counter() - encoded}
    return Outcome(
        data=winner.data,
        info=info,
        format=info.format,
        method=winner.method,
        original_bytes=len(data),
        attempts=trying.attempts,
        score=score,
        seconds=seconds,
    )


def _first_that_keeps(
    source: Source, trying: Trying, recipe: Recipe, deadline: Deadline
) -> tuple[Candidate, float | None, Trying]:
    """The best candidate that survives being decoded and compared with the source.

    Where the best one breaks a promise, the trials that it had made pointless get their turn.
    """
    info = source.info
    clean = original_is_clean(info, recipe)
    original = (Candidate(data=source.data, trial=None, rank=0, method="none"),) if clean else ()
    least = minimum_bytes(len(source.data), recipe.max_reduction)
    while True:
        ranked = by_preference([*trying.candidates, *original])
        if not ranked:
            check_decodes(source)
            dropped = [f"{item.method}: {item.dropped}" for item in trying.attempts]
            raise EngineFailed(
                "nothing that keeps its promises could be made of this picture",
                facts={"format": str(info.format), "dropped": dropped},
            )
        best = ranked[0]
        if best.trial is None:
            check_decodes(source)
            return best, None, trying
        said: str | None
        score: float | None = None
        if len(best.data) > len(source.data) and not info.dangerous:
            said = "larger than the original"
        elif len(best.data) < least and clean:
            said = "over max_reduction"
        else:
            deadline.check()
            said, score = broken_promise(source, best.data, best.trial, recipe)
        if said is None:
            return best, score, trying
        trying = run_trials(source, without(trying, best, said), recipe, deadline)


def check_decodes(source: Source) -> None:
    """A picture that is handed back as it came must at least decode: raises ``BadImage`` where it does not."""
    if "picture" in source.__dict__:
        return
    codec = codec_for(source.info.format)
    for _ in codec.frames(source.data):
        pass

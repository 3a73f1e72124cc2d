"""The story: probe, plan, try, pick, verify."""

from __future__ import annotations

import time

from pixlean.domain.errors import EngineFailed
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.outcome import Attempt, Candidate, Outcome
from pixlean.domain.recipe import Recipe
from pixlean.engine.pick import by_preference
from pixlean.engine.plan import make_plan
from pixlean.engine.probe import probe
from pixlean.engine.promises import broken_promise, original_is_clean
from pixlean.engine.registry import codec_for
from pixlean.engine.trials import minimum_bytes, run_trials
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
    plan = make_plan(info, recipe)
    candidates, attempts = run_trials(source, plan, recipe, deadline)
    if original_is_clean(info, recipe):
        candidates.append(Candidate(data=data, trial=None, rank=0, method="none"))
    encoded = time.perf_counter()
    winner, score, dropped = _first_that_keeps(source, candidates, recipe, deadline)
    seconds = {"encode": encoded - started, "verify": time.perf_counter() - encoded}
    return Outcome(
        data=winner.data,
        info=info,
        format=info.format,
        method=winner.method,
        original_bytes=len(data),
        attempts=(*attempts, *dropped),
        score=score,
        seconds=seconds,
    )


def _first_that_keeps(
    source: Source, candidates: list[Candidate], recipe: Recipe, deadline: Deadline
) -> tuple[Candidate, float | None, list[Attempt]]:
    """The best candidate that survives being decoded and compared with the source."""
    dropped: list[Attempt] = []
    info, original_bytes = source.info, len(source.data)
    least = minimum_bytes(original_bytes, recipe.max_reduction)
    for candidate in by_preference(candidates):
        if candidate.trial is None:
            _check_decodes(source)
            return candidate, None, dropped
        if len(candidate.data) > original_bytes and not info.dangerous:
            dropped.append(Attempt(method=candidate.method, size_bytes=len(candidate.data), dropped="larger"))
            continue
        if len(candidate.data) < least and original_is_clean(info, recipe):
            dropped.append(Attempt(method=candidate.method, size_bytes=len(candidate.data), dropped="over max_reduction"))
            continue
        deadline.check()
        said, score = broken_promise(source, candidate.data, candidate.trial, recipe)
        if said is None:
            return candidate, score, dropped
        dropped.append(Attempt(method=candidate.method, size_bytes=len(candidate.data), dropped=said))
    _check_decodes(source)
    raise EngineFailed("nothing that keeps its promises could be made of this picture", facts=_evidence(info, dropped))


def _check_decodes(source: Source) -> None:
    """A picture that is handed back as it came must at least decode: raises ``BadImage`` where it does not."""
    if "picture" in source.__dict__:
        return
    codec = codec_for(source.info.format)
    for _ in codec.frames(source.data):
        pass


def _evidence(info: ImageInfo, dropped: list[Attempt]) -> dict[str, object]:
    return {"format": str(info.format), "dropped": [f"{item.method}: {item.dropped}" for item in dropped]}

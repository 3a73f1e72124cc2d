"""The story: probe, plan, try, pick, verify."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import starmap

from pixlean.domain.errors import BadImage, EngineFailed, ErrorCode
from pixlean.domain.formats import FORMATS, Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.outcome import Candidate, Outcome
from pixlean.domain.plan import Plan
from pixlean.domain.recipe import Recipe
from pixlean.engine.pick import by_preference
from pixlean.engine.plan import make_plan
from pixlean.engine.probe import probe
from pixlean.engine.promises import broken_promise, original_is_clean
from pixlean.engine.registry import codec_for
from pixlean.engine.render import keeps_pixels, render, wants_rendering
from pixlean.engine.trials import Trying, begin, minimum_bytes, run_trials, without
from pixlean.imaging.contract import Source
from pixlean.imaging.metadata import selected_exif
from pixlean.imaging.pixels import same_pixels


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
    info = info or probe(data, limits)
    recipe = settled(recipe, info)
    if wants_rendering(info, recipe):
        return render(data, info, recipe, _rivals(data, info, recipe, deadline), deadline)
    return _with_kept(_compressed(data, info, make_plan(info, recipe), recipe, deadline), data, recipe)


def settled(recipe: Recipe, info: ImageInfo) -> Recipe:
    """The recipe with its formats, now that the source's own is known. Raises ``BadImage`` where that is only read."""
    if FORMATS[info.format].only_read and not recipe.outputs:
        raise BadImage(
            f"{info.format} files are only read to be converted: name a format", code=ErrorCode.UNSUPPORTED_FORMAT
        )
    if not recipe.stay:
        return recipe
    own = Format.PNG if info.format is Format.APNG else info.format
    return replace(recipe, outputs=()) if own in recipe.outputs else replace(recipe, auto=True)


def _with_kept(outcome: Outcome, data: bytes, recipe: Recipe) -> Outcome:
    """The outcome with the metadata that is to stay although the rest goes, where its format has a place for it."""
    with_exif = getattr(codec_for(outcome.format), "with_exif", None)
    if not (recipe.keep and recipe.strip_metadata and with_exif):
        return outcome
    kept = selected_exif(data, outcome.info, recipe.keep, outcome.info.orientation)
    if kept is None:
        return outcome
    made = with_exif(outcome.data, kept)
    frames = codec_for(outcome.format).frames
    if not all(starmap(same_pixels, zip(frames(outcome.data), frames(made), strict=True))):
        raise EngineFailed("the metadata could not be kept")
    return replace(outcome, data=made)


def _rivals(data: bytes, info: ImageInfo, recipe: Recipe, deadline: Deadline) -> tuple[Outcome, ...]:
    """What comes out without touching a pixel, where the result may have the format of the source."""
    if not keeps_pixels(info, recipe):
        return ()
    plain = replace(recipe, outputs=(), target_bytes=None, min_score=None, smart=False)
    plan = make_plan(info, plain)
    plan = Plan(trials=tuple(trial for trial in plan.trials if trial.lossless))
    try:
        return (_with_kept(_compressed(data, info, plan, plain, deadline), data, recipe),)
    except EngineFailed as error:
        if error.code is ErrorCode.TIMEOUT:
            raise
        return ()


def _compressed(data: bytes, info: ImageInfo, plan: Plan, recipe: Recipe, deadline: Deadline) -> Outcome:
    started = time.perf_counter()
    source = Source(codec_for(info.format), data, info)
    trying = run_trials(source, begin(plan), recipe, deadline)
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
        width_px=info.displayed_px[0],
        height_px=info.displayed_px[1],
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

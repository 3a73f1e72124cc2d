"""Forecast what ``compress`` would return, from the same plan and by the same rules, without doing all its work."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from pixlean.domain.errors import BadImage, EngineFailed
from pixlean.domain.estimate import Estimate, Forecast, Strategy
from pixlean.domain.formats import FORMATS
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome
from pixlean.engine.compress import check_decodes, compress_source
from pixlean.engine.plan import Plan, make_plan
from pixlean.engine.probe import glimpse, open_source
from pixlean.engine.search import minimum_bytes
from pixlean.engine.trials import attempt, is_pointless, saves_too_little
from pixlean.imaging.contract import DropTrial, Source, Trial

# Below this the picture is compressed as if it had been asked for (the native API's own border); larger ones too where
# what a palette and its packing come to can't be told from a part.
_EXACT_PIXELS, _EXACT_PALETTE_PIXELS = 150_000, 500_000


@dataclass(frozen=True)
class _Likely:
    """One possible outcome: the trial that would make it, ``None`` for the original, and the size it would have."""

    trial: Trial | None
    forecast: Forecast


def estimate(data: bytes, recipe: Recipe, limits: Limits | None = None, deadline: Deadline | None = None) -> Estimate:
    """Predict the result of ``compress`` for the same arguments; raises what it raises."""
    return estimate_source(open_source(data, limits), recipe, deadline or Deadline())


def estimate_source(source: Source, recipe: Recipe, deadline: Deadline) -> Estimate:
    """The same for a picture whose header was read."""
    return forecast_source(source, recipe, deadline)[0]


def forecast_source(source: Source, recipe: Recipe, deadline: Deadline) -> tuple[Estimate, Outcome | None]:
    """The estimate, and the result itself where it was made to know.

    Small pictures, drawings, animations and new pixels are compressed (``exact``). For others every trial of the plan
    is forecast by its codec, and the winner is chosen by the rules of ``compress``.
    """
    info, original_bytes = source.info, len(source.data)
    plan = make_plan(source, recipe)
    writes = source.codec.writes
    palette = writes is not None and writes.abilities.palette
    small = info.pixels <= (_EXACT_PALETTE_PIXELS if palette else _EXACT_PIXELS)
    if small or FORMATS[info.format].vector or info.frames > 1 or plan.targets:
        outcome = compress_source(source, recipe, deadline)
        return _estimate(info, original_bytes, outcome.method, Forecast(size_bytes=len(outcome.data))), outcome
    likely = _forecasts(source, plan, deadline)
    if plan.may_stay:
        likely.append(_Likely(None, Forecast(size_bytes=original_bytes)))
    if not likely:
        raise EngineFailed("nothing that keeps its promises could be made of this picture")
    winner = min(likely, key=lambda each: each.forecast.size_bytes)
    if winner.trial is None or winner.trial.verbatim:
        check_decodes(source)
    method = "none" if winner.trial is None else winner.trial.method
    doubt = _doubt(likely, winner, original_bytes)
    return _estimate(info, original_bytes, method, winner.forecast, doubt=doubt), None


def estimate_head(head: bytes, total_bytes: int, recipe: Recipe, limits: Limits | None = None) -> Estimate | None:
    """Predict from the first bytes of a file of ``total_bytes``, or at least describe the picture.

    ``None`` where they say nothing. Raises ``BadImage`` and ``LimitExceeded`` as ``probe`` does.
    """
    try:
        source = open_source(head, limits)
    except BadImage:
        info = glimpse(head, total_bytes, limits)
        return None if info is None else _described(info, total_bytes)
    info, plan = source.info, make_plan(source, recipe)
    if plan.targets or info.frames > 1:
        return _described(info, total_bytes)
    for trial in plan.trials:
        forecast = None if trial.guess_head is None else trial.guess_head(head, total_bytes)
        if forecast is None:
            break
        if not saves_too_little(trial, forecast.size_bytes, total_bytes):
            size = max(forecast.size_bytes, minimum_bytes(total_bytes, recipe.max_reduction))
            forecast = replace(forecast, size_bytes=min(size, total_bytes))
            return _estimate(info, total_bytes, trial.method, forecast)
    return _described(info, total_bytes)


def _described(info: ImageInfo, total_bytes: int) -> Estimate:
    """What a picture is, where nothing can be said of its result."""
    return _estimate(info, total_bytes, "", Forecast(size_bytes=total_bytes, strategy=Strategy.HEADER_ONLY, spread=1.0))


def _forecasts(source: Source, plan: Plan, deadline: Deadline) -> list[_Likely]:
    """The outcome of each trial that would be tried and would count."""
    found: list[_Likely] = []
    original_bytes = len(source.data)
    for trial in plan.trials:
        best = min((each.forecast.size_bytes for each in found), default=math.inf)
        if is_pointless(trial, best, original_bytes):
            continue
        deadline.check()
        forecast = attempt(partial(_forecast, source, trial, plan.recipe))[0]
        if forecast is not None and not saves_too_little(trial, forecast.size_bytes, original_bytes):
            found.append(_Likely(trial, forecast))
    return found


def _forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    forecast, floor = trial.guess(source), trial.loss.floor_score
    if floor is not None and forecast.score is not None and forecast.score < floor:
        raise DropTrial("would score too low")
    least = minimum_bytes(len(source.data), recipe.max_reduction)
    if forecast.size_bytes >= least:
        return forecast
    if trial.knob is None:
        raise DropTrial("over max_reduction")
    return replace(forecast, size_bytes=least)  # where the search over the quality ends


def _doubt(likely: list[_Likely], winner: _Likely, original_bytes: int) -> float:
    """Further spread in points: a rival that is as likely to win as it is near."""
    others = [each.forecast for each in likely if each is not winner and each.forecast.spread > winner.forecast.spread]
    gaps = [100 * (other.size_bytes - winner.forecast.size_bytes) / original_bytes for other in others]
    widths = [100 * other.spread * other.size_bytes / original_bytes for other in others]
    return max((max(0.0, width - gap) for width, gap in zip(widths, gaps, strict=True)), default=0.0)


def _estimate(info: ImageInfo, original_bytes: int, method: str, forecast: Forecast, *, doubt: float = 0.0) -> Estimate:
    own = 100.0 * forecast.spread * forecast.size_bytes / original_bytes if original_bytes else 0.0
    width_px, height_px = info.displayed_px
    return Estimate(
        format=info.format,
        width_px=width_px,
        height_px=height_px,
        mode=info.mode,
        bit_depth=info.bit_depth,
        frames=info.frames,
        original_bytes=original_bytes,
        optimized_bytes=forecast.size_bytes,
        strategy=forecast.strategy,
        winner=method,
        spread_points=max(own, doubt),
    )

"""Forecast what ``compress`` would return, from the same plan and by the same rules, without doing all its work."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pixlean.domain.errors import BadImage, EngineFailed
from pixlean.domain.estimate import Estimate, Forecast
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline, Limits
from pixlean.domain.plan import Trial
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import check_decodes, compress, settled
from pixlean.engine.plan import make_plan
from pixlean.engine.probe import probe
from pixlean.engine.promises import original_is_clean
from pixlean.engine.registry import codec_for
from pixlean.engine.render import wants_rendering
from pixlean.engine.trials import attempt, is_pointless, minimum_bytes, saves_too_little
from pixlean.imaging.contract import DropTrial, Source

# Below this the picture is compressed as if it had been asked for (the native API's own border).
_EXACT_PIXELS = 150_000
_VECTOR = (Format.SVG, Format.SVGZ)


@dataclass(frozen=True)
class _Likely:
    """One possible outcome: the method and the size it would have."""

    method: str
    forecast: Forecast


def estimate(
    data: bytes,
    recipe: Recipe,
    limits: Limits | None = None,
    deadline: Deadline | None = None,
    *,
    info: ImageInfo | None = None,
) -> Estimate:
    """Predict the result of ``compress`` for the same arguments; raises what it raises.

    Small pictures, drawings and animations are compressed (``exact``). For others every trial of the plan is
    forecast by its codec, and the winner is chosen by the rules of ``compress``.
    """
    limits, deadline = limits or Limits(), deadline or Deadline()
    info = info or probe(data, limits)
    recipe = settled(recipe, info)
    quick = info.pixels <= _EXACT_PIXELS or info.format in _VECTOR or info.frames > 1
    if quick or wants_rendering(info, recipe):
        outcome = compress(data, recipe, limits, deadline, info=info)
        return _estimate(info, len(data), _Likely(outcome.method, Forecast(size_bytes=len(outcome.data))))
    source = Source(codec_for(info.format), data, info)
    likely = _forecasts(source, recipe, deadline)
    if original_is_clean(info, recipe):
        likely.append(_Likely("none", Forecast(size_bytes=len(data))))
    if not likely:
        raise EngineFailed("nothing that keeps its promises could be made of this picture")
    winner = min(likely, key=lambda each: each.forecast.size_bytes)
    if winner.method in ("none", "metadata-strip"):
        check_decodes(source)
    return _estimate(info, len(data), winner, doubt=_doubt(likely, winner, len(data)))


def estimate_head(head: bytes, total_bytes: int, recipe: Recipe, limits: Limits | None = None) -> Estimate | None:
    """Predict from the first bytes of a file of ``total_bytes``; ``None`` where they say too little.

    Raises ``BadImage`` and ``LimitExceeded`` as ``probe`` does.
    """
    try:
        info = probe(head, limits)
    except BadImage:
        return None
    if wants_rendering(info, recipe):
        return None
    codec = codec_for(info.format)
    forecast_head = getattr(codec, "forecast_head", None)
    if forecast_head is None or info.frames > 1:
        return None
    for trial in make_plan(info, recipe).trials:
        forecast: Forecast | None = forecast_head(head, total_bytes, info, trial)
        if forecast is None:
            return None
        if not saves_too_little(trial, forecast.size_bytes, total_bytes):
            size = max(forecast.size_bytes, minimum_bytes(total_bytes, recipe.max_reduction))
            likely = _Likely(trial.method, replace(forecast, size_bytes=min(size, total_bytes)))
            return _estimate(info, total_bytes, likely)
    return None


def _forecasts(source: Source, recipe: Recipe, deadline: Deadline) -> list[_Likely]:
    """The outcome of each trial that would be tried and would count."""
    found: list[_Likely] = []
    original_bytes = len(source.data)
    for trial in make_plan(source.info, recipe).trials:
        best = min((each.forecast.size_bytes for each in found), default=math.inf)
        if is_pointless(trial, best, original_bytes):
            continue
        deadline.check()
        forecast, _ = attempt(lambda trial=trial: _forecast(source, trial, recipe))  # type: ignore[misc]
        if forecast is not None and not saves_too_little(trial, forecast.size_bytes, original_bytes):
            found.append(_Likely(trial.method, forecast))
    return found


def _forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    forecast = codec_for(source.info.format).forecast(source, trial, recipe)
    if trial.floor_score is not None and forecast.score is not None and forecast.score < trial.floor_score:
        raise DropTrial("would score too low")
    least = minimum_bytes(len(source.data), recipe.max_reduction)
    if forecast.size_bytes >= least:
        return forecast
    if trial.quality_parameter is None:
        raise DropTrial("over max_reduction")
    return replace(forecast, size_bytes=least)  # where the search over the quality ends


def _doubt(likely: list[_Likely], winner: _Likely, original_bytes: int) -> float:
    """Further spread in points: a rival that is as likely to win as it is near."""
    others = [each.forecast for each in likely if each is not winner and each.forecast.spread > winner.forecast.spread]
    gaps = [100 * (other.size_bytes - winner.forecast.size_bytes) / original_bytes for other in others]
    widths = [100 * other.spread * other.size_bytes / original_bytes for other in others]
    return max((max(0.0, width - gap) for width, gap in zip(widths, gaps, strict=True)), default=0.0)


def _estimate(info: ImageInfo, original_bytes: int, winner: _Likely, *, doubt: float = 0.0) -> Estimate:
    forecast = winner.forecast
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
        winner=winner.method,
        spread_points=max(own, doubt),
    )

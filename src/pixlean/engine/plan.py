"""From header and recipe to the ordered trials; pure."""

from __future__ import annotations

from pixlean.domain.image import ImageInfo
from pixlean.domain.plan import Plan
from pixlean.domain.recipe import Recipe
from pixlean.engine.registry import codec_for


def make_plan(info: ImageInfo, recipe: Recipe) -> Plan:
    """The trials that the format's codec proposes for this header and recipe."""
    return Plan(trials=codec_for(info.format).trials(info, recipe))

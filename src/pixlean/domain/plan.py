"""Trials: the things worth trying on one picture, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Parameters = Mapping[str, int | float | bool | str | None]


class TrialKind(StrEnum):
    """REPACK: bytes to bytes, no pixel changes. ENCODE: pixels to bytes."""

    REPACK = "repack"
    ENCODE = "encode"


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One thing worth trying.

    ``method`` is what the caller is told made the bytes. ``lossless`` promises pixel equality, which is
    verified. ``floor_score`` is the SSIMULACRA2 below which the result is no candidate. ``unless_below``
    skips the trial once a candidate is smaller than this share of the original. ``must_gain`` is the share
    of the original that a lossy result must save to be worth a generation loss. ``quality_parameter`` names
    the knob that ``max_reduction`` may turn up.
    """

    kind: TrialKind
    method: str
    why: str
    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))
    lossless: bool = False
    floor_score: float | None = None
    unless_below: float | None = None
    must_gain: float = 0.0
    quality_parameter: str | None = None
    quality_limit: float = 100.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The ordered trials of one picture."""

    trials: tuple[Trial, ...]

"""A forecast of what compressing would save, with how it was made and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixlean.domain.formats import Format


class Strategy(StrEnum):
    """How a size was found, from the surest to the least sure.

    EXACT: the trial was run. DIRECT_ENCODE: the whole picture was encoded at the encoder's lowest effort, times a
    measured ratio. SAMPLE: parts of the picture were encoded. HEADER_ONLY: nothing but the first bytes was seen.
    """

    EXACT = "exact"
    DIRECT_ENCODE = "direct-encode"
    SAMPLE = "sample"
    HEADER_ONLY = "header-only"


class Level(StrEnum):
    """High, medium or low: of potential and of confidence."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The size that one trial would have; ``spread`` is the standard deviation of its relative error.

    ``score`` is the SSIMULACRA2 of what was encoded, where the trial has a floor.
    """

    size_bytes: int
    strategy: Strategy = Strategy.EXACT
    spread: float = 0.0
    score: float | None = None


# A reduction is good news from 30 % on and hardly worth a request below 10 %; below 2 % nothing is left to win.
_HIGH_POTENTIAL, _SOME_POTENTIAL, _NOTHING_LEFT = 30.0, 10.0, 2.0


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """What the picture would probably take in another format at the same look."""

    format: Format
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What ``compress`` would probably return for the same picture and recipe.

    ``spread_points`` is the standard deviation of the predicted reduction, in percentage points. ``winner`` is the
    method that is expected to win, empty where the picture is described and its result is not known. ``mode`` and
    ``bit_depth`` are the picture's as stored. ``alternatives`` are other formats, the smallest first, where somebody
    asked for them.
    """

    format: Format
    width_px: int
    height_px: int
    mode: str
    bit_depth: int
    frames: int
    original_bytes: int
    optimized_bytes: int
    strategy: Strategy
    winner: str
    spread_points: float
    alternatives: tuple[Alternative, ...] = ()

    @property
    def reduction_percent(self) -> float:
        """How much smaller the result would be, in per cent of the original."""
        return 100.0 * (1 - self.optimized_bytes / self.original_bytes) if self.original_bytes else 0.0

    @property
    def is_known(self) -> bool:
        """Whether it predicts anything, beside describing the picture."""
        return bool(self.winner)

    @property
    def potential(self) -> Level:
        """How much there is to win."""
        if self.reduction_percent >= _HIGH_POTENTIAL:
            return Level.HIGH
        return Level.MEDIUM if self.reduction_percent >= _SOME_POTENTIAL else Level.LOW

    @property
    def already_optimized(self) -> bool:
        """Whether hardly anything is left to win."""
        return self.reduction_percent < _NOTHING_LEFT

    @property
    def confidence(self) -> Level:
        """HIGH: within 5 points 19 times in 20. MEDIUM: within 15 points. (Two standard deviations.)"""
        if 2 * self.spread_points <= 5:
            return Level.HIGH
        return Level.MEDIUM if 2 * self.spread_points <= 15 else Level.LOW

"""What the caller wants, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Strength(StrEnum):
    """How hard to press: the three presets of the native API."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a picture is to be made smaller.

    ``quality`` 1-100 (100 changes no pixel of a PNG, GIF, BMP or TIFF); ``max_reduction`` is a
    percentage that the result must not exceed, or ``None``.
    """

    quality: int = 80
    strip_metadata: bool = True
    progressive_jpeg: bool = False
    png_lossy: bool = True
    max_reduction: float | None = None

    @property
    def strength(self) -> Strength:
        """The preset of this quality: below 50 high, 50-69 medium, from 70 low (the native API's rule)."""
        if self.quality < 50:
            return Strength.HIGH
        return Strength.MEDIUM if self.quality < 70 else Strength.LOW

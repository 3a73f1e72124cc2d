"""What the caller wants, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixlean.domain.edits import NO_EDITS, Edits
from pixlean.domain.formats import Format


class Keep(StrEnum):
    """A kind of metadata that may stay where the rest goes."""

    COPYRIGHT = "copyright"
    CREATION = "creation"
    LOCATION = "location"


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

    ``outputs`` are the formats that the result may have: none means the format of the source, several that the
    smallest at equal quality wins; with ``auto`` the content decides what is tried, and what is written without loss.
    With ``stay`` the source's own format is the only one where it is among them.
    ``target_bytes`` is a size that the result must not exceed, ``min_score`` the SSIMULACRA2 below which it must not
    fall; ``smart`` takes that score from the source. ``effort`` 0-9 is how much work an encoder may do, ``None`` what
    pays; ``preview`` wants it quick and small. ``background`` shows through where the result has no alpha channel.
    ``keep`` names what of the EXIF stays although the metadata is stripped.
    """

    quality: int = 80
    strip_metadata: bool = True
    keep: tuple[Keep, ...] = ()
    progressive_jpeg: bool = False
    png_lossy: bool = True
    max_reduction: float | None = None
    outputs: tuple[Format, ...] = ()
    auto: bool = False
    stay: bool = False
    edits: Edits = NO_EDITS
    target_bytes: int | None = None
    min_score: float | None = None
    smart: bool = False
    effort: int | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    preview: bool = False

    @property
    def strength(self) -> Strength:
        """The preset of this quality: below 50 high, 50-69 medium, from 70 low (the native API's rule)."""
        if self.quality < 50:
            return Strength.HIGH
        return Strength.MEDIUM if self.quality < 70 else Strength.LOW

"""What the caller wants, in our words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixlean.domain.edits import NO_EDITS, Edits
from pixlean.domain.formats import Format


@dataclass(frozen=True)
class Range:
    """The numbers from ``least`` to ``most``, both included."""

    least: int
    most: int

    def check(self, name: str, value: float | None) -> None:
        """Raise ``ValueError`` or ``TypeError`` where a value called ``name`` is none of them; ``None`` is no value."""
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number, not {type(value).__name__}")
        if not self.least <= value <= self.most:
            raise ValueError(f"{name} must be from {self.least} to {self.most}, not {value}")


QUALITY, EFFORT, SCORE, PERCENT = Range(1, 100), Range(0, 9), Range(0, 100), Range(0, 100)
TARGET_BYTES, SIDE_PX = Range(1, 1 << 40), Range(1, 1 << 20)


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

    ``quality`` 1-100; at 100, and at any quality without ``png_lossy``, no pixel of a PNG, APNG, GIF, BMP or TIFF
    changes. ``max_reduction`` is a percentage that the result must not exceed, or ``None``. ``progressive_jpeg`` says
    how JPEGs are written; ``None`` is what is smaller.

    ``outputs`` are the formats that the result may have: none means the format of the source, several that the
    smallest at equal quality wins; with ``auto`` the content decides what is tried, and what is written without loss.
    With ``stay`` the source's own format is the only one where it is among them.
    ``target_bytes`` is a size that the result must not exceed, with ``keeps_size`` by quality alone; ``min_score`` the
    SSIMULACRA2 below which it must not fall; ``smart`` takes that score from the source. ``effort`` 0-9 is how much
    work an encoder may do, ``None`` what pays; ``preview`` wants it quick and small. ``background`` shows through where
    the result has no alpha channel. ``keep`` names what of the EXIF stays although the metadata is stripped.

    Raises ``ValueError`` and ``TypeError`` for numbers that are none of theirs.
    """

    quality: int = 80
    strip_metadata: bool = True
    keep: tuple[Keep, ...] = ()
    progressive_jpeg: bool | None = None
    png_lossy: bool = True
    max_reduction: float | None = None
    outputs: tuple[Format, ...] = ()
    auto: bool = False
    stay: bool = False
    edits: Edits = NO_EDITS
    target_bytes: int | None = None
    keeps_size: bool = False
    min_score: float | None = None
    smart: bool = False
    effort: int | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    preview: bool = False

    def __post_init__(self) -> None:
        QUALITY.check("quality", self.quality)
        EFFORT.check("effort", self.effort)
        SCORE.check("min_score", self.min_score)
        PERCENT.check("max_reduction", self.max_reduction)
        TARGET_BYTES.check("target_bytes", self.target_bytes)
        if self.edits.resize is not None:
            SIDE_PX.check("width", self.edits.resize.width_px)
            SIDE_PX.check("height", self.edits.resize.height_px)

    @property
    def keeps_every_pixel(self) -> bool:
        """Whether formats that need not lose anything (PNG, GIF, BMP, TIFF) must not."""
        return self.quality >= 100 or not self.png_lossy

    @property
    def strength(self) -> Strength:
        """The preset of this quality: below 50 high, 50-69 medium, from 70 low (the native API's rule)."""
        if self.quality < 50:
            return Strength.HIGH
        return Strength.MEDIUM if self.quality < 70 else Strength.LOW

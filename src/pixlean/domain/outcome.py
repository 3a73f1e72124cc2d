"""What came out, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.plan import Trial


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One trial's bytes; ``trial`` is ``None`` for the original."""

    data: bytes
    trial: Trial | None
    rank: int
    method: str
    keeps_promises: bool = True


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of one trial: its size, or why it was dropped."""

    method: str
    size_bytes: int | None
    dropped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The chosen bytes with the evidence for the choice.

    ``width_px`` and ``height_px`` are the result's, upright. ``quality`` is the encoder's where one was chosen,
    ``encodes`` how many it took, ``target_met`` whether a wanted size was reached, ``None`` where none was wanted.
    """

    data: bytes
    info: ImageInfo
    format: Format
    method: str
    original_bytes: int
    attempts: tuple[Attempt, ...] = ()
    score: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    quality: int | None = None
    width_px: int = 0
    height_px: int = 0
    encodes: int = 0
    target_met: bool | None = None
    resized: bool = False

    @property
    def optimized_bytes(self) -> int:
        """Size of the result."""
        return len(self.data)

    @property
    def reduction_percent(self) -> float:
        """How much smaller the result is, in per cent of the original."""
        return 100.0 * (1 - len(self.data) / self.original_bytes) if self.original_bytes else 0.0

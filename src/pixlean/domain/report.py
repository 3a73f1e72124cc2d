"""What came out, and all that is said of it: one value that crosses every border as it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from pixlean.domain.formats import Format


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of one thing that was tried: its size, or why it was dropped."""

    method: str
    size_bytes: int | None
    dropped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that is said of a result; ``source_*`` are the input's facts.

    ``width_px`` and ``height_px`` are the result's, upright, as ``source_px`` are the input's. ``score`` is the
    SSIMULACRA2 where it was computed, ``quality`` the encoder's where one was chosen, ``encodes`` how many it took,
    ``target_met`` whether a wanted size was reached, ``None`` where none was wanted. ``seconds`` are the steps' own.
    """

    format: Format
    method: str
    size_bytes: int
    width_px: int
    height_px: int
    source_format: Format
    source_bytes: int
    source_px: tuple[int, int]
    attempts: tuple[Attempt, ...] = ()
    score: float | None = None
    quality: int | None = None
    encodes: int = 0
    target_met: bool | None = None
    resized: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Report {self.format}, {self.source_bytes:,} -> {self.size_bytes:,} bytes, {self.method}>"

    @property
    def reduction_percent(self) -> float:
        """How much smaller the result is, in per cent of the input."""
        return 100.0 * (1 - self.size_bytes / self.source_bytes) if self.source_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A result: its bytes, and what is said of them."""

    data: bytes
    report: Report

    def __repr__(self) -> str:
        told = self.report
        return (
            f"<Outcome {told.format} {told.width_px}x{told.height_px}, {told.source_bytes:,} -> {told.size_bytes:,} "
            f"bytes ({told.reduction_percent:.1f} % saved), {told.method}>"
        )

    @property
    def format(self) -> Format:
        """The result's format."""
        return self.report.format

    @property
    def method(self) -> str:
        """The tools that made the bytes; ``none`` where the input is returned."""
        return self.report.method

    @property
    def score(self) -> float | None:
        """The result's SSIMULACRA2, where it was computed."""
        return self.report.score

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried, and what became of it."""
        return self.report.attempts

    @property
    def reduction_percent(self) -> float:
        """How much smaller the result is, in per cent of the input."""
        return self.report.reduction_percent

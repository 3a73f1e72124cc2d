"""Measure one case: compress, estimate, judge, check the promises; and the same by peers."""

from __future__ import annotations

import contextlib
import resource
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pixlean
from benchmarks import peers
from benchmarks.corpus import PRESETS, Case


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What another program made of the same case."""

    size_bytes: int = 0
    score: float | None = None
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """One case, measured. ``estimate_error`` is in percentage points of reduction; ``peak_mb`` of the process."""

    path: str
    group: str
    format: str
    preset: str
    before_bytes: int = 0
    after_bytes: int = 0
    method: str = ""
    score: float | None = None
    promises: dict[str, bool] = field(default_factory=dict)
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    estimated_percent: float = 0.0
    estimate_error: float = 0.0
    estimate_seconds: float = 0.0
    peers: dict[str, Peer] = field(default_factory=dict)
    error: str | None = None

    @property
    def reduction_percent(self) -> float:
        """How much smaller the result is."""
        return 100.0 * (1 - self.after_bytes / self.before_bytes) if self.before_bytes else 0.0

    @property
    def name(self) -> str:
        """The case's name."""
        return f"{self.group}/{Path(self.path).name} {self.preset}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "name": self.name, "reduction_percent": round(self.reduction_percent, 3)}


def result_of(entry: dict[str, Any]) -> Result:
    """A result out of JSON."""
    known = {name: value for name, value in entry.items() if name in Result.__dataclass_fields__}
    known["peers"] = {name: Peer(**value) for name, value in known.get("peers", {}).items()}
    return Result(**known)


def measure(case: Case, *, repeat: int = 1, against: tuple[str, ...] = ()) -> Result:
    """One case in this process; the times are the least of ``repeat`` runs."""
    data = Path(case.path).read_bytes()
    facts: dict[str, Any] = {"path": case.path, "group": case.group, "format": case.format, "preset": case.preset}
    options: dict[str, Any] = dict(PRESETS[case.preset])
    try:
        began = time.perf_counter()
        guess = pixlean.estimate(data, **options)
        estimate_seconds = time.perf_counter() - began
        made, wall, cpu, peak = _timed(data, options, repeat)
        score, promises = _checked(data, made.data)
    except pixlean.PixleanError as error:
        return Result(**facts, before_bytes=len(data), error=error.message)
    return Result(
        **facts,
        before_bytes=len(data),
        after_bytes=len(made.data),
        method=made.method,
        score=score,
        promises=promises,
        wall_seconds=wall,
        cpu_seconds=cpu,
        peak_mb=peak,
        estimated_percent=guess.reduction_percent,
        estimate_error=abs(guess.reduction_percent - made.reduction_percent),
        estimate_seconds=estimate_seconds,
        peers={name: _by_peer(name, data, case) for name in against},
    )


def _timed(data: bytes, options: dict[str, Any], repeat: int) -> tuple[pixlean.Outcome, float, float, float]:
    """The outcome, with the least wall and CPU seconds, and the process's peak in MB."""
    walls, cpus = [], []
    _forget_peak()
    for _ in range(max(1, repeat)):
        wall, cpu = time.perf_counter(), time.process_time() + _children_cpu()
        made = pixlean.compress(data, **options)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() + _children_cpu() - cpu)
    return made, min(walls), min(cpus), _peak_mb()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _forget_peak() -> None:
    """Let the kernel's high-water mark begin anew (Linux, proc(5): clear_refs)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _checked(before: bytes, after: bytes) -> tuple[float | None, dict[str, bool]]:
    """The score, and which promises hold: never larger, frames and timing, upright and of the same size, colours."""
    first, second = pixlean.probe(before), pixlean.probe(after)
    vector = str(first.format).startswith("svg")
    score = None if vector else pixlean.score(before, after)
    return score, {
        "never larger": len(after) <= len(before),
        "frames": (first.frames, first.pages, first.durations_ms) == (second.frames, second.pages, second.durations_ms),
        "orientation": first.displayed_px == second.displayed_px,
        # A profile stays, or the pixels were converted: then the score, which sees through profiles, is not ruined.
        "colours": first.icc is None or second.icc is not None or (score or 0.0) > 30.0,
    }


def _by_peer(name: str, data: bytes, case: Case) -> Peer:
    began = time.perf_counter()
    try:
        made = peers.run(name, data, case)
    except Exception as error:  # peers fail in their own ways; that is a result too
        return Peer(error=f"{type(error).__name__}: {error}"[:200])
    seconds = time.perf_counter() - began
    try:
        score = None if case.format.startswith("svg") else pixlean.score(data, made)
    except (pixlean.PixleanError, ValueError) as error:
        return Peer(size_bytes=len(made), seconds=seconds, error=f"not comparable: {error}"[:200])
    return Peer(size_bytes=len(made), score=score, seconds=seconds)

"""A run on disk: its results, its sums, and what changed since another run."""

from __future__ import annotations

import json
import platform
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pixlean
from benchmarks.corpus import PRESETS
from benchmarks.measure import Result, result_of

# Bytes are the same from run to run; times are not: a regression in time is one beyond four times the spread that the
# two runs show over all their cases (of hundreds, some are always beyond two), and beyond this.
_LEAST_SLOWER, _SPREADS = 0.5, 4


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run; ``state`` is running, done, cancelled or interrupted."""

    id: str
    started_at: str
    state: str = "done"
    seconds: float = 0.0
    corpus: str = ""
    synthetic: bool = False
    wanted: dict[str, Any] = field(default_factory=dict)
    results: tuple[Result, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything."""
        return {**self.head(), "results": [result.as_dict() for result in self.results]}

    def head(self) -> dict[str, Any]:
        """For JSON: all but the results."""
        return {
            "id": self.id, "started_at": self.started_at, "state": self.state, "seconds": round(self.seconds, 2),
            "corpus": self.corpus, "synthetic": self.synthetic, "wanted": self.wanted,
            "version": pixlean.__version__, "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "summary": summary(self.results),
        }  # fmt: skip


def new_id() -> str:
    """A run's id: its time in UTC."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def load(path: Path) -> Run:
    """A run out of its file. Raises ``ValueError`` where it is none."""
    entry = json.loads(path.read_text("utf-8"))
    try:
        return Run(
            id=entry["id"], started_at=entry["started_at"], state=entry["state"], seconds=entry["seconds"],
            corpus=entry["corpus"], synthetic=entry["synthetic"], wanted=entry["wanted"],
            results=tuple(result_of(each) for each in entry["results"]),
        )  # fmt: skip
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is no run") from error


def save(run: Run, path: Path) -> None:
    """Write a run, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(run.as_dict(), indent=1), "utf-8")
    beside.replace(path)


def summary(results: tuple[Result, ...]) -> dict[str, Any]:
    """Sums by format and preset, as Pare's table has them, and over all."""
    good = [result for result in results if result.error is None]
    cells = []
    for kind in dict.fromkeys(result.format for result in sorted(good, key=_order)):
        for preset in PRESETS:
            found = [result for result in good if (result.format, result.preset) == (kind, preset)]
            if found:
                cells.append({"format": kind, "preset": preset, **_cell(found)})
    kept = [all(result.promises.values()) for result in good]
    return {
        "cases": len(results),
        "failures": len(results) - len(good),
        "promises_broken": kept.count(False),
        "before_bytes": sum(result.before_bytes for result in good),
        "after_bytes": sum(result.after_bytes for result in good),
        "cpu_seconds": round(sum(result.cpu_seconds for result in good), 2),
        "cells": cells,
        "health": health(cells),
    }


def _order(result: Result) -> tuple[int, str]:
    from benchmarks.corpus import FORMATS

    return (FORMATS.index(result.format) if result.format in FORMATS else len(FORMATS), result.format)


def _cell(found: list[Result]) -> dict[str, Any]:
    reductions = [result.reduction_percent for result in found]
    scores = [result.score for result in found if result.score is not None]
    return {
        "cases": len(found),
        "average_percent": round(statistics.mean(reductions), 1),
        "least_percent": round(min(reductions), 1),
        "most_percent": round(max(reductions), 1),
        "estimate_error": round(statistics.mean(result.estimate_error for result in found), 2),
        "worst_estimate_error": round(max(result.estimate_error for result in found), 1),
        "score": round(statistics.mean(scores), 1) if scores else None,
        "wall_seconds": round(statistics.median(result.wall_seconds for result in found), 3),
        "cpu_seconds": round(statistics.median(result.cpu_seconds for result in found), 3),
        "peak_mb": max(result.peak_mb for result in found),
        "methods": sorted({result.method for result in found}),
    }


# Pare's own border for estimates, and what its health looks at; vector formats have one way only.
ESTIMATE_WARN, ESTIMATE_FAIL = 5.0, 15.0
_ONE_WAY = ("svg", "svgz", "apng")


def health(cells: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Per format pass, warn or fail, with the reason: estimates that are far off, presets that do not differ."""
    found: dict[str, dict[str, str]] = {}
    for kind in dict.fromkeys(cell["format"] for cell in cells):
        own = {cell["preset"]: cell for cell in cells if cell["format"] == kind}
        worst = max(cell["estimate_error"] for cell in own.values())
        verdict, why = "pass", f"estimates off by {worst:.1f} points at most on average"
        if worst > ESTIMATE_WARN:
            verdict = "fail" if worst > ESTIMATE_FAIL else "warn"
        if {"high", "low"} <= own.keys() and kind not in _ONE_WAY:
            gap = own["high"]["average_percent"] - own["low"]["average_percent"]
            if gap < 0:
                verdict, why = "fail", f"{why}; high saves less than low ({gap:.1f} points)"
            elif gap < 1 and verdict == "pass":
                verdict, why = "warn", f"{why}; high and low differ by {gap:.1f} points only"
            else:
                why += f"; high saves {gap:.1f} points more than low"
        found[kind] = {"verdict": verdict, "why": why}
    return found


def compared(old: Run, new: Run) -> dict[str, Any]:
    """What changed, case by case; ``regressions`` are larger files, worse scores, broken promises, and slower cases."""
    before = {result.name: result for result in old.results if result.error is None}
    after = {result.name: result for result in new.results}
    both = [name for name in after if name in before]
    ratios = [after[name].cpu_seconds / before[name].cpu_seconds for name in both if before[name].cpu_seconds > 0.05]
    drift = statistics.median(ratios) if ratios else 1.0
    spread = statistics.pstdev(ratios) if len(ratios) > 2 else 0.0
    rows, regressions = [], []
    for name in both:
        one, other = before[name], after[name]
        said = _regression(one, other, drift, max(_LEAST_SLOWER, _SPREADS * spread))
        change = 100 * (other.after_bytes / one.after_bytes - 1) if one.after_bytes and other.after_bytes else 0.0
        rows.append({"name": name, "bytes_percent": round(change, 3), "regression": said})
        if said:
            regressions.append(f"{name}: {said}")
    total_old = sum(before[name].after_bytes for name in both)
    total_new = sum(after[name].after_bytes for name in both)
    return {
        "cases": len(both),
        "bytes_percent": round(100 * (total_new / total_old - 1), 4) if total_old else 0.0,
        "time_ratio": round(drift, 3),
        "time_spread": round(spread, 3),
        "rows": rows,
        "regressions": regressions,
        "missing": sorted(set(before) - set(after)),
    }


def _regression(one: Result, other: Result, drift: float, slower: float) -> str | None:
    if other.error is not None:
        return f"failed: {other.error}"
    if not all(other.promises.values()) and all(one.promises.values()):
        return "a promise is broken"
    worse = (one.score or 0) - (other.score or 0)
    larger = other.after_bytes > 1.01 * one.after_bytes
    if larger and worse > -1:
        return f"{100 * (other.after_bytes / one.after_bytes - 1):.1f} % larger at no better score"
    if worse > 2 and other.after_bytes > 0.97 * one.after_bytes:
        return f"the score fell by {worse:.1f}"
    if one.cpu_seconds > 0.2 and other.cpu_seconds / one.cpu_seconds > drift * (1 + slower):
        return f"{other.cpu_seconds / one.cpu_seconds:.2f} times the CPU time"
    return None

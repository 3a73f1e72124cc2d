"""Estimate against optimise: ``python -m benchmarks.estimates FOLDER`` prints errors and times."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from pixlean.domain.errors import PixleanError
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress
from pixlean.engine.estimate import estimate

PRESETS = {
    "high": Recipe(quality=40),
    "medium": Recipe(quality=60),
    "low": Recipe(quality=75, png_lossy=False),
}


def measure(job: tuple[str, str]) -> dict[str, Any]:
    path, preset = job
    data, recipe = Path(path).read_bytes(), PRESETS[preset]
    row: dict[str, Any] = {"path": path, "preset": preset}
    try:
        began = time.perf_counter()
        guess = estimate(data, recipe)
        row["estimate_seconds"] = time.perf_counter() - began
        began = time.perf_counter()
        outcome = compress(data, recipe)
        row["optimize_seconds"] = time.perf_counter() - began
    except PixleanError as error:
        return row | {"error": error.message}
    return row | {
        "format": str(guess.format),
        "pixels": guess.width_px * guess.height_px,
        "estimated": guess.reduction_percent,
        "actual": outcome.reduction_percent,
        "strategy": str(guess.strategy),
        "winner": guess.winner,
        "method": outcome.method,
        "confidence": str(guess.confidence),
    }


def show(rows: list[dict[str, Any]]) -> None:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["format"], row["preset"]].append(row)
    print("format preset   files  mean error  worst  p50 ms  p95 ms  time/optimize  strategies")
    for (name, preset), found in sorted(groups.items()):
        errors = [abs(row["estimated"] - row["actual"]) for row in found]
        times = sorted(1000 * row["estimate_seconds"] for row in found)
        share = statistics.median(row["estimate_seconds"] / row["optimize_seconds"] for row in found)
        kinds = ", ".join(sorted({row["strategy"] for row in found}))
        print(
            f"{name:6} {preset:8} {len(found):5}  {statistics.mean(errors):10.2f}  {max(errors):5.1f}"
            f"  {times[len(times) // 2]:6.0f}  {times[int(0.95 * len(times))]:6.0f}  {share:13.2f}  {kinds}"
        )
    for level in ("high", "medium", "low"):
        errors = [abs(row["estimated"] - row["actual"]) for row in rows if row["confidence"] == level]
        if errors:
            inside = [sum(error < bound for error in errors) / len(errors) for bound in (5, 15)]
            print(
                f"confidence {level}: {len(errors)}, within 5 points {inside[0]:.1%}, within 15 points {inside[1]:.1%}"
            )
    quick = sorted(
        1000 * row["estimate_seconds"]
        for row in rows
        if row["format"] in ("jpeg", "png", "webp") and row["pixels"] <= 12_500_000
    )
    if quick:
        print(
            f"JPEG, PNG, WebP to 12 MP: p50 {quick[len(quick) // 2]:.0f} ms, p95 {quick[int(0.95 * len(quick))]:.0f} ms"
        )
    for row in sorted(rows, key=lambda row: -abs(row["estimated"] - row["actual"]))[:12]:
        print(
            f"  {row['estimated']:6.1f} for {row['actual']:6.1f}  {row['preset']:6} {row['confidence']:6}"
            f" {row['winner']} / {row['method']}  {row['path']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fmt", help="only files whose estimate says this format")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    files = sorted(path for path in asked.folder.rglob("*") if path.is_file() and path.suffix not in (".md", ".json"))
    if asked.fmt:
        files = [path for path in files if path.suffix.lstrip(".").replace("jpg", "jpeg") == asked.fmt]
    jobs = [(str(path), preset) for path in files for preset in PRESETS]
    with Pool(asked.jobs, maxtasksperchild=50) as pool:
        rows = list(pool.imap_unordered(measure, jobs, 3))
    failed = [row for row in rows if "error" in row]
    for row in failed:
        print(f"failed: {row['path']}: {row['error']}", file=sys.stderr)
    if asked.json:
        asked.json.write_text(json.dumps(rows))
    show([row for row in rows if "error" not in row])


if __name__ == "__main__":
    main()

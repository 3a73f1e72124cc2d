"""Whether a change of the code changed a single byte of what comes out: ``python -m benchmarks.same RECORD|CHECK FILE``.

RECORD writes down, for every case, the digest of the result, what is said of it, its estimate and the CPU it took; CHECK
runs the same cases again and names every difference. Cases are the committed benchmark's (the synthetic corpus, or
every file below ``--corpus``, at every preset) and a fixed set of conversions, target sizes, scores and edits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pixlean
from benchmarks.corpus import DATA, PRESETS
from benchmarks.synthetic import make_corpus
from pixlean.domain.edits import Crop, Edits, Fit, Resize
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Keep

_MOST_SECONDS = 240
# A busy machine makes single cases slower; what counts is the sum.
_CPU_TOLERANCE = 0.03
_HALF = Edits(resize=Resize(width_px=200))
_WAYS: dict[str, dict[str, Any]] = {
    **{f"to {target}": {"outputs": (target,)} for target in (
        Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL, Format.PNG, Format.GIF, Format.HEIC,
    )},
    "to png lossless": {"outputs": (Format.PNG,), "png_lossy": False},
    "auto": {"outputs": (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF), "auto": True},
    "stay": {"outputs": (Format.JPEG, Format.PNG, Format.WEBP), "stay": True, "quality": 60},
    "smart": {"smart": True},
    "smart webp": {"smart": True, "outputs": (Format.WEBP,)},
    "score 70": {"min_score": 70.0},
    "score 85 jpeg": {"min_score": 85.0, "outputs": (Format.JPEG,)},
    "target 20k": {"target_bytes": 20_000},
    "target 3k webp": {"target_bytes": 3_000, "outputs": (Format.WEBP,)},
    "target of two": {"target_bytes": 15_000, "outputs": (Format.JPEG, Format.WEBP)},
    "at most 20 %": {"quality": 30, "max_reduction": 20.0},
    "at most 30 % as webp": {"quality": 30, "max_reduction": 30.0, "outputs": (Format.WEBP,)},
    "with metadata": {"quality": 60, "strip_metadata": False},
    "copyright stays": {"quality": 60, "keep": (Keep.COPYRIGHT, Keep.CREATION, Keep.LOCATION)},
    "progressive": {"quality": 60, "progressive_jpeg": True},
    "effort 2": {"quality": 60, "effort": 2},
    "quality 100": {"quality": 100},
    "smaller": {"edits": _HALF},
    "smaller webp": {"edits": _HALF, "outputs": (Format.WEBP,), "quality": 60},
    "cover": {"edits": Edits(resize=Resize(width_px=120, height_px=120, fit=Fit.COVER))},
    "thumb": {"edits": Edits(resize=Resize(width_px=90, height_px=120, fit=Fit.THUMB))},
    "exact": {"edits": Edits(resize=Resize(width_px=50, height_px=70, fit=Fit.EXACT))},
    "turned": {"edits": Edits(crop=Crop(left_px=2, top_px=3, width_px=20, height_px=21), rotate_degrees=90, flip=True)},
    "askew": {"edits": Edits(rotate_degrees=20, flop=True), "outputs": (Format.PNG,)},
    "colours": {
        "edits": Edits(brightness=1.2, saturation=0.5, contrast=1.1, blur_sigma=1.0, sharpen=True),
        "outputs": (Format.PNG,), "png_lossy": False,
    },
    "grey": {"edits": Edits(greyscale=True, ground=(10, 200, 30))},
    "preview": {"preview": True, "outputs": (Format.WEBP,)},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture by one recipe, whose fields are ``options``."""

    name: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


def main(words: list[str] | None = None) -> int:
    """The command: 1 where anything differs, or where the whole took more CPU than noise explains."""
    given = _parser().parse_args(words)
    synthetic = make_corpus(DATA / "synthetic")
    cases = [
        *_presets(synthetic),
        *(case for folder in given.corpus for case in _presets(folder)),
        *_ways(_files(synthetic)),
        *(case for folder in given.ways for case in _ways(_files(folder))),
    ]
    if given.only:
        cases = [case for case in cases if given.only in case.name]
    found = {}
    for number, (case, said) in enumerate(_all(cases, given.jobs), 1):
        found[case.name] = said
        print(f"\r{number} of {len(cases)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if given.what == "RECORD":
        given.file.write_text(json.dumps(found, indent=0, sort_keys=True), "utf-8")
        print(f"{len(found)} cases, {_cpu(found):.1f} CPU seconds")
        return 0
    return _compared(json.loads(given.file.read_text("utf-8")), found)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same", description=__doc__)
    parser.add_argument("what", choices=("RECORD", "CHECK"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--corpus", type=Path, action="append", default=[], help="every file below it at every preset")
    parser.add_argument("--ways", type=Path, action="append", default=[], help="every file below it in every other way")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser


def _files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix and path.suffix not in (".json", ".md", ".csv")
    ]


def _presets(folder: Path) -> Iterator[Case]:
    for path in _files(folder):
        for preset, options in PRESETS.items():
            name = f"{folder.name}/{path.relative_to(folder)} {preset}"
            yield Case(name=name, path=str(path.resolve()), options=dict(options))


def _ways(files: list[Path]) -> Iterator[Case]:
    for path in files:
        for way, options in _WAYS.items():
            yield Case(name=f"{path.parent.name}/{path.name} {way}", path=str(path.resolve()), options=options)


def _all(cases: list[Case], jobs: int) -> Iterator[tuple[Case, dict[str, Any]]]:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin) as pool:
        yield from zip(cases, pool.map(_said, cases), strict=True)


def _begin() -> None:
    """One thread a process, and an alarm for cases that never end."""
    os.environ.update(OMP_NUM_THREADS="1", VIPS_CONCURRENCY="1", RAYON_NUM_THREADS="1")
    signal.signal(signal.SIGALRM, _too_long)


def _too_long(_number: int, _frame: object) -> None:
    raise TimeoutError


def _said(case: Case) -> dict[str, Any]:
    """What comes out, as plain values; of an error its kind and words."""
    data = Path(case.path).read_bytes()
    began = time.process_time() + _children()
    signal.alarm(_MOST_SECONDS)
    try:
        outcome = pixlean.compress(data, **case.options)
        said: dict[str, Any] = {
            "digest": hashlib.sha256(outcome.data).hexdigest(), "bytes": len(outcome.data), "method": outcome.method,
            "format": str(outcome.format), "score": None if outcome.score is None else round(outcome.score, 4),
        }  # fmt: skip
        guess = pixlean.estimate(data, **case.options)
        said["estimate"] = [guess.optimized_bytes, guess.winner, str(guess.strategy), round(guess.spread_points, 6)]
    except pixlean.PixleanError as error:
        said = {"error": f"{error.code}: {error.message}"}
    except Exception as error:  # a case that fails is recorded as such
        said = {"error": type(error).__name__}
    finally:
        signal.alarm(0)
    return {**said, "cpu": round(time.process_time() + _children() - began, 3)}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu(found: dict[str, dict[str, Any]]) -> float:
    return sum(said["cpu"] for said in found.values())


def _compared(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> int:
    """Print every difference; the CPU ratio is that of the cases that both have."""
    both = sorted(before.keys() & now.keys())
    different = 0
    for name in both:
        facts = {key for key in (*before[name], *now[name]) if key != "cpu"}
        changed = {key: (before[name].get(key), now[name].get(key)) for key in sorted(facts)
                   if before[name].get(key) != now[name].get(key)}  # fmt: skip
        if changed:
            different += 1
            print(f"{name}: " + "; ".join(f"{key} {old} -> {new}" for key, (old, new) in changed.items()))
    ratio = _cpu({name: now[name] for name in both}) / max(1e-9, _cpu({name: before[name] for name in both}))
    print(f"{len(both)} cases, {different} differ, CPU x{ratio:.3f}")
    if missing := len(before.keys() ^ now.keys()):
        print(f"{missing} cases stand on one side only")
    return int(bool(different) or ratio > 1 + _CPU_TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())

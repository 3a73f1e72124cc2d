"""What a run says, as Markdown and as plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.frontier.curves import SCORES, at_equal_distance, at_equal_score, cpu_per_megapixel
from benchmarks.frontier.drawn import Pair, ratio
from benchmarks.frontier.encoders import Encoder, encoders
from benchmarks.frontier.plot import Line, draw
from benchmarks.frontier.points import Point

KINDS = ("photo", "graphic")


def section(points: list[Point], pairs: list[Pair]) -> str:
    """All that a run says."""
    known = encoders()
    worse = list(losses(points, known, KINDS)) or ["- Nowhere in this run."]
    parts = (*table(points, known, KINDS), "", *drawn(pairs), "", "### Where others are smaller", "", *worse, "")
    return "\n".join(parts)


def load(path: Path) -> tuple[list[Point], list[Pair]]:
    """A run that was kept as JSON."""
    kept = json.loads(path.read_text())
    return [Point(**each) for each in kept["points"]], [Pair(**each) for each in kept["pairs"]]


def table(points: list[Point], encoders: list[Encoder], kinds: tuple[str, ...]) -> Iterator[str]:
    """Per format: bytes over the baseline's at each score, at its Butteraugli where it scores 75, and the CPU."""
    for name in dict.fromkeys(encoder.format for encoder in encoders):
        rows = [encoder for encoder in encoders if encoder.format == name and _measured(points, encoder)]
        baseline = next((encoder.name for encoder in rows if encoder.baseline), None)
        if baseline is None:
            continue
        heads = [f"{kind} {look}" for kind in kinds for look in (*(f"{score:g}" for score in SCORES), "Butteraugli")]
        yield f"\n### {name}, of {baseline}\n"
        yield "| encoder | " + " | ".join(heads) + " | CPU, s/MP |"
        yield "|---" * (len(heads) + 2) + "|"
        for encoder in rows:
            cells = []
            for kind in kinds:
                mine = [point for point in points if point.kind == kind and point.format == name]
                found = [at_equal_score(mine, encoder.name, baseline, score) for score in SCORES]
                found.append(at_equal_distance(mine, encoder.name, baseline, 75))
                cells += [f"{each.value:.3f} ({each.pictures})" if each else "" for each in found]
            cpu = cpu_per_megapixel([point for point in points if point.format == name], encoder.name)
            yield f"| {encoder.name} | " + " | ".join(cells) + f" | {cpu:.3f} |"


def losses(points: list[Point], encoders: list[Encoder], kinds: tuple[str, ...]) -> Iterator[str]:
    """Every place where somebody else's file is smaller than our best at the same score."""
    for name in dict.fromkeys(encoder.format for encoder in encoders):
        rows = [encoder for encoder in encoders if encoder.format == name and _measured(points, encoder)]
        baseline = next((encoder.name for encoder in rows if encoder.baseline), None)
        for kind in kinds if baseline else ():
            mine = [point for point in points if point.kind == kind and point.format == name]
            for score in SCORES:
                known = {
                    encoder.name: found.value
                    for encoder in rows
                    if (found := at_equal_score(mine, encoder.name, str(baseline), score)) is not None
                }
                ours = {key: value for key, value in known.items() if key.startswith("pixlean")}
                theirs = {key: value for key, value in known.items() if not key.startswith("pixlean")}
                if ours and theirs and min(theirs.values()) < min(ours.values()):
                    best = min(theirs, key=theirs.__getitem__)
                    yield f"- {name}, {kind}, score {score:g}: {best} is at {theirs[best]:.3f}, our best at {min(ours.values()):.3f}."


def drawn(pairs: list[Pair]) -> Iterator[str]:
    """Animations and drawings, one line a tool, and the worst frames."""
    for tool in dict.fromkeys(pair.tool for pair in pairs):
        given = [pair for pair in pairs if pair.tool == tool]
        mine = [pair for pair in given if not pair.is_broken]
        if not mine:
            continue
        line = f"- {len(mine)} files beside `{tool}`: {ratio(mine):.3f} of its bytes, {sum(p.ours_bytes > p.theirs_bytes for p in mine)} larger"
        scored = [(pair.ours_score, pair.theirs_score) for pair in mine if pair.ours_score is not None]
        if scored:
            ours = statistics.mean(first for first, _ in scored if first is not None)
            theirs = statistics.mean(second for _, second in scored if second is not None)
            worse = sum((first or 0) < (second or 0) for first, second in scored)
            line += f"; {len(given) - len(mine)} left out that the tool broke; score of the worst frame {ours:.1f} beside {theirs:.1f} on average, lower in {worse}"
        yield line + "."


def write_plots(points: list[Point], encoders: list[Encoder], kind: str, folder: Path) -> list[Path]:
    """Two plots a format of the pictures of one kind; what could not be measured has no line."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in dict.fromkeys(encoder.format for encoder in encoders):
        rows = [encoder for encoder in encoders if encoder.format == name and _measured(points, encoder)]
        baseline = next((encoder.name for encoder in rows if encoder.baseline), None)
        mine = [point for point in points if point.kind == kind and point.format == name]
        if baseline is None or not mine:
            continue
        curves = [Line(name=encoder.name, points=_mean_curve(mine, encoder)) for encoder in rows]
        path = folder / f"frontier-{name}-score.svg"
        path.write_text(draw(f"{name}, {kind}", "bits per pixel", "SSIMULACRA2", curves, logarithmic=True))
        dots = []
        for encoder in rows:
            found = at_equal_score(mine, encoder.name, baseline, 75)
            if found:
                dots.append(Line(name=encoder.name, points=[(cpu_per_megapixel(mine, encoder.name), found.value)]))
        made.append(path)
        if dots:
            path = folder / f"frontier-{name}-cpu.svg"
            title = f"{name}, {kind}, at SSIMULACRA2 75"
            path.write_text(draw(title, "seconds of CPU a megapixel", f"bytes of {baseline}'s", dots, logarithmic=True))
            made.append(path)
    return made


def _measured(points: list[Point], encoder: Encoder) -> bool:
    return any((point.encoder, point.format) == (encoder.name, encoder.format) for point in points)


def _mean_curve(points: list[Point], encoder: Encoder) -> list[tuple[float, float]]:
    """Bits per pixel (geometric mean) and score (mean) over the pictures, at each setting."""
    curve = []
    for setting in encoder.settings:
        mine = [point for point in points if point.encoder == encoder.name and point.setting == setting]
        if mine:
            bits = statistics.geometric_mean(point.size_bytes * 8 / (point.megapixels * 1e6) for point in mine)
            curve.append((bits, statistics.mean(point.score for point in mine)))
    return sorted(curve)

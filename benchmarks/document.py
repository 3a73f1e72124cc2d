"""``docs/benchmarks.md`` out of a run's JSON: ``python -m benchmarks.document reports/RUN.json``."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.corpus import PRESETS
from benchmarks.frontier import page
from benchmarks.results import Run, load

TARGET = Path("docs/benchmarks.md")
# Pare's own table (its documentation: 234 cases): average reduction and estimate error by format and preset.
PARE: dict[str, tuple[tuple[float, float], ...]] = {
    "png": ((69.4, 1.0), (66.0, 1.0), (38.4, 0.2)), "jpeg": ((56.6, 0.6), (39.3, 1.0), (31.3, 1.4)),
    "webp": ((39.7, 2.8), (26.4, 3.2), (20.1, 3.3)), "gif": ((26.0, 0.0), (14.5, 0.0), (7.3, 0.0)),
    "svg": ((24.5, 0.0), (24.5, 0.0), (24.5, 0.0)), "svgz": ((9.0, 0.0), (9.0, 0.0), (9.0, 0.0)),
    "avif": ((47.6, 2.5), (25.4, 2.9), (11.3, 2.9)), "heic": ((38.0, 4.0), (16.4, 3.7), (4.0, 1.9)),
    "tiff": ((83.8, 7.6), (76.5, 10.8), (17.0, 2.1)), "bmp": ((82.8, 1.4), (82.8, 6.1), (49.6, 17.0)),
    "jxl": ((57.3, 0.5), (36.7, 1.2), (19.5, 3.0)),
}  # fmt: skip


def text(run: Run) -> str:
    """The page."""
    head = run.head()
    total = head["summary"]
    lines = [
        "# Benchmarks",
        "",
        "Made by `python -m benchmarks.document` from a run of `python -m benchmarks.run`; do not edit.",
        "",
        f"{run.started_at[:10]}, pixlean {head['version']}, {head['machine']}, corpus of `scripts/corpus_manifest.json` "
        f"with the formats of `scripts/convert_corpus_formats.py`{' (synthetic)' if run.synthetic else ''}: {total['cases']} cases in "
        f"{run.seconds:.0f} s with {run.wanted.get('jobs') or 'one process a core'}, {total['failures']} failures, "
        f"{total['promises_broken']} broken promises.",
        "",
        "Presets: high is quality 40, medium 60, low 75 without lossy PNG. The score is SSIMULACRA2 (100 identical, 90 no visible difference, 70 high quality). "
        "The estimate error is in points of reduction. Pare's figures are those of its own documentation, on other pictures: only the shape can be compared.",
        "",
        "| format | preset | average | range | est. error | Pare's | score | methods |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in total["cells"]:
        theirs = PARE.get(cell["format"])
        seed = "" if theirs is None else f"{theirs[list(PRESETS).index(cell['preset'])][1]:.1f}"
        score = "" if cell["score"] is None else f"{cell['score']:.1f}"
        lines.append(
            f"| {cell['format']} | {cell['preset']} | {cell['average_percent']:.1f} % | {cell['least_percent']:.1f} to "
            f"{cell['most_percent']:.1f} % | {cell['estimate_error']:.2f} | {seed} | {score} | {', '.join(cell['methods'])} |"
        )
    lines += [*_peers(run), ""]
    return "\n".join(lines)


def _peers(run: Run) -> list[str]:
    good = [result for result in run.results if result.error is None]
    names = sorted({name for result in good for name in result.peers})
    lines: list[str] = []
    for name in names:
        lines += [
            "", f"## The same cases by {name}", "",
            "| format | preset | cases | our bytes / theirs | our score | their score |", "|---|---|---|---|---|---|",
        ]  # fmt: skip
        for kind in dict.fromkeys(sorted(result.format for result in good)):
            for preset in PRESETS:
                both = [
                    (result, result.peers[name]) for result in good
                    if (result.format, result.preset) == (kind, preset) and name in result.peers and not result.peers[name].error
                    and result.score is not None and result.peers[name].score is not None
                ]  # fmt: skip
                if both:
                    ratio = statistics.geometric_mean(result.after_bytes / peer.size_bytes for result, peer in both)
                    ours, theirs = (
                        statistics.mean(values)
                        for values in zip(*((r.score or 0, p.score or 0) for r, p in both), strict=True)
                    )
                    lines.append(f"| {kind} | {preset} | {len(both)} | {ratio:.3f} | {ours:.1f} | {theirs:.1f} |")
    return lines


def _at_equal_look(run: Path) -> str:
    points, pairs = page.load(run)
    pictures = {point.picture: point.megapixels for point in points}
    head = (
        "\n## At equal look\n\nMade by `python -m benchmarks.frontier` (docs/measuring.md). Bytes over the first encoder's at SSIMULACRA2 60, 75 and 85, "
        "and at the Butteraugli distance (3-norm) that it has where it scores 75; in brackets on how many pictures both reach that. "
        f"{len(pictures)} pictures of {min(pictures.values()):.2f} to {max(pictures.values()):.2f} megapixels. CPU is the median from PNG to file.\n"
    )
    plots = "\n".join(
        f"![{path.stem}](images/{path.name})" for path in sorted(TARGET.parent.glob("images/frontier-*.svg"))
    )
    return f"{head}{page.section(points, pairs)}\n### Plots of the photographs\n\n{plots}\n"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.document", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--frontier", type=Path, help="a run of benchmarks.frontier, for its section")
    parser.add_argument("--out", type=Path, default=TARGET)
    given = parser.parse_args()
    whole = text(load(given.run)) + (_at_equal_look(given.frontier) if given.frontier else "")
    given.out.write_text(whole, "utf-8")
    print(given.out)


if __name__ == "__main__":
    main()

"""A run as one HTML file that needs no network: sortable table, plots, worst cases with thumbnails."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.corpus import PRESETS
from benchmarks.measure import Result
from benchmarks.results import Run

_COLOURS = {"high": "#c2410c", "medium": "#2563eb", "low": "#15803d"}
_WORST = 8
_STYLE = (Path(__file__).parent / "ui" / "report.css").read_text("utf-8")
_SCRIPT = (Path(__file__).parent / "ui" / "report.js").read_text("utf-8")


def page(run: Run, change: dict[str, Any] | None = None) -> str:
    """The whole report."""
    head = run.head()
    good = [result for result in run.results if result.error is None]
    failed = [result for result in run.results if result.error is not None]
    corpus = "a synthetic corpus" if run.synthetic else f"the corpus {html.escape(run.corpus)}"
    parts = [
        f"<h1>pixlean {html.escape(head['version'])}: benchmark</h1>",
        f"<p>{html.escape(run.started_at)}, {html.escape(head['machine'])}, {corpus}: {len(run.results)} cases in "
        f"{run.seconds:.0f} s, {len(failed)} failures, {head['summary']['promises_broken']} broken promises.</p>",
        _change(change),
        "<h2>By format and preset</h2>",
        _cells(head["summary"]["cells"]),
        _peers(good),
        f"<h2>Bytes against score</h2><p>{_legend()}</p><div class=plots>",
        *(_scatter(kind, [result for result in good if result.format == kind]) for kind in _kinds(good)),
        "</div><h2>Estimate errors</h2>",
        _histogram([result.estimate_error for result in good]),
        _gallery(
            "Farthest from their estimates", sorted(good, key=lambda each: -each.estimate_error)[:_WORST], "estimate"
        ),
        _gallery("Slowest", sorted(good, key=lambda each: -each.wall_seconds)[:_WORST], "seconds"),
        _gallery(
            "Lowest scores",
            sorted((r for r in good if r.score is not None), key=lambda r: r.score or 0)[:_WORST],
            "score",
        ),
        "<h2>Every case</h2>",
        _table(run.results),
    ]
    title = f"<title>pixlean benchmark {html.escape(run.id)}</title>"
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html><html lang="en"><head>{meta}{title}<style>{_STYLE}</style></head><body><main>'
        f"{''.join(parts)}</main><script>{_SCRIPT}</script></body></html>"
    )


def _kinds(results: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(sorted(result.format for result in results if result.score is not None)))


def _change(change: dict[str, Any] | None) -> str:
    if change is None:
        return ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in change["regressions"])
    return (
        f"<h2>Since the last run</h2><p>{change['cases']} cases in both: bytes {change['bytes_percent']:+.3f} %, "
        f"CPU time x{change['time_ratio']:.2f} (spread {change['time_spread']:.2f}), "
        f"{len(change['regressions'])} regressions.</p><ul>{lines}</ul>"
    )


def _cells(cells: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{cell['format']}<td>{cell['preset']}<td>{cell['cases']}<td>{cell['average_percent']:.1f}"
        f"<td>{cell['least_percent']:.1f} to {cell['most_percent']:.1f}<td>{cell['estimate_error']:.2f}"
        f"<td>{cell['worst_estimate_error']:.1f}<td>{'' if cell['score'] is None else cell['score']}"
        f"<td>{cell['wall_seconds']:.3f}<td>{cell['cpu_seconds']:.3f}<td>{cell['peak_mb']:.0f}"
        f"<td class=text>{html.escape(', '.join(cell['methods']))}</tr>"
        for cell in cells
    )
    names = (
        "format",
        "preset",
        "cases",
        "average %",
        "range %",
        "est. error",
        "worst",
        "score",
        "wall s",
        "CPU s",
        "MB",
        "methods",
    )
    return _sortable(names, rows)


def _peers(results: list[Result]) -> str:
    names = sorted({name for result in results for name in result.peers})
    if not names:
        return ""
    rows = ""
    for name in names:
        for kind in dict.fromkeys(sorted(result.format for result in results)):
            for preset in PRESETS:
                both = [
                    (result, result.peers[name])
                    for result in results
                    if (result.format, result.preset) == (kind, preset)
                    and name in result.peers
                    and not result.peers[name].error
                ]
                if both:
                    ours, theirs = sum(r.after_bytes for r, _ in both), sum(p.size_bytes for _, p in both)
                    scores = [
                        ((r.score or 0), (p.score or 0)) for r, p in both if r.score is not None and p.score is not None
                    ]
                    shown = (f"{sum(a for a, _ in scores) / len(scores):.1f}<td>{sum(b for _, b in scores) / len(scores):.1f}"
                             if scores else "<td>")  # fmt: skip
                    rows += (f"<tr><td class=text>{html.escape(name)}<td>{kind}<td>{preset}<td>{len(both)}<td>{ours / theirs:.3f}"
                             f"<td>{shown}</tr>")  # fmt: skip
    head = ("peer", "format", "preset", "cases", "our bytes / theirs", "our score", "their score")
    return f"<h2>Beside peers</h2>{_sortable(head, rows)}"


def _legend() -> str:
    return ", ".join(f'<span style="color:{colour}">&#9679;</span> {preset}' for preset, colour in _COLOURS.items())


def _scatter(kind: str, results: list[Result]) -> str:
    """Kept bytes in per cent against the score, a dot a case."""
    width, height, left, bottom = 320, 220, 40, 30
    points = [
        (100 - result.reduction_percent, result.score or 0.0, result) for result in results if result.score is not None
    ]
    least = min(40.0, *(score for _, score, _ in points)) if points else 40.0
    dots = ""
    for kept, score, result in points:
        x = left + (width - left - 10) * min(100.0, kept) / 100
        y = 10 + (height - bottom - 10) * (100 - score) / (100 - least)
        said = f"{result.name}: {kept:.1f} % of the bytes, score {score:.1f}"
        dots += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_COLOURS[result.preset]}"><title>{html.escape(said)}</title></circle>'
    grid = ""
    for share in (0, 25, 50, 75, 100):
        x = left + (width - left - 10) * share / 100
        grid += (
            f'<line x1="{x}" x2="{x}" y1="10" y2="{height - bottom}"/><text x="{x}" y="{height - 12}">{share}</text>'
        )
    for score in range(int(least // 20 * 20), 101, 20):
        if score >= least:
            y = 10 + (height - bottom - 10) * (100 - score) / (100 - least)
            grid += f'<line x1="{left}" x2="{width - 10}" y1="{y}" y2="{y}"/><text x="18" y="{y + 4}">{score}</text>'
    label = f"{kind}: score against kept bytes in per cent"
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}"><g class=grid>{grid}</g>{dots}</svg>'
        f"<figcaption>{kind}</figcaption></figure>"
    )


def _histogram(errors: list[float]) -> str:
    edges = (0.0, 0.5, 1, 2, 3, 5, 10, 15, 1000)
    counts = [sum(1 for error in errors if low <= error < high) for low, high in pairwise(edges)]
    most = max(counts, default=1) or 1
    bars = "".join(
        f"<tr><th scope=row>{low:g} to {high:g}</th><td><span class=bar style='width:{100 * count / most:.1f}%'></span> {count}</td></tr>"
        for low, high, count in zip(edges[:-1], [*edges[1:-1], float("inf")], counts, strict=True)
    ).replace("to inf", "and more")
    return f"<table class=histogram><caption>points between estimate and result, cases</caption>{bars}</table>"


def _gallery(title: str, results: list[Result], what: str) -> str:
    figures = "".join(
        f"<figure>{_thumbnail(result)}<figcaption>{html.escape(result.name)}<br>{_figure(result, what)}</figcaption></figure>"
        for result in results
    )
    return f"<h2>{title}</h2><div class=gallery>{figures}</div>"


def _figure(result: Result, what: str) -> str:
    if what == "estimate":
        return f"estimated {result.estimated_percent:.1f} %, was {result.reduction_percent:.1f} %"
    if what == "seconds":
        return f"{result.wall_seconds:.2f} s, {result.peak_mb:.0f} MB"
    return f"score {result.score:.1f} at {result.reduction_percent:.1f} % smaller"


def _thumbnail(result: Result) -> str:
    """A small picture inside the page; none where the file is gone or is no raster."""
    import pixlean

    try:
        data = Path(result.path).read_bytes()
        edits = pixlean_resize(96)
        small = pixlean.compress(data, quality=70, edits=edits, outputs=_jpeg()).data
    except (OSError, pixlean.PixleanError, KeyError, ValueError):
        return "<div class=none>no preview</div>"
    return f'<img loading="lazy" alt="" src="data:image/jpeg;base64,{base64.b64encode(small).decode()}">'


def pixlean_resize(side_px: int) -> Any:
    """Edits for a thumbnail."""
    from pixlean.domain.edits import Edits, Resize

    return Edits(resize=Resize(width_px=side_px, height_px=side_px))


def _jpeg() -> Any:
    from pixlean.domain.formats import Format

    return (Format.JPEG,)


def _table(results: Iterable[Result]) -> str:
    rows = ""
    for result in results:
        if result.error:
            rows += f"<tr class=failed><td class=text>{html.escape(result.name)}<td class=text colspan=10>{html.escape(result.error)}</tr>"
            continue
        broken = [name for name, kept in result.promises.items() if not kept]
        rows += (
            f"<tr><td class=text>{html.escape(result.name)}<td>{result.before_bytes}<td>{result.after_bytes}"
            f"<td>{result.reduction_percent:.1f}<td>{'' if result.score is None else f'{result.score:.1f}'}"
            f"<td class=text>{html.escape(', '.join(broken)) or 'kept'}<td>{result.wall_seconds:.3f}<td>{result.cpu_seconds:.3f}"
            f"<td>{result.peak_mb:.0f}<td>{result.estimate_error:.2f}<td class=text>{html.escape(result.method)}</tr>"
        )
    head = ("case", "before", "after", "saved %", "score", "promises", "wall s", "CPU s", "MB", "est. error", "method")
    return _sortable(head, rows)


def _sortable(names: Iterable[str], rows: str) -> str:
    head = "".join(f"<th scope=col><button type=button>{html.escape(name)}</button></th>" for name in names)
    return f"<div class=wide><table class=sortable><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"

"""Benchmark every format at every preset: ``python -m benchmarks.run``; reports go to ``reports/``.

Exit code 1 where a case failed or broke a promise, or where ``--compare`` finds a regression beyond the noise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks import peers
from benchmarks.corpus import FORMATS, PRESETS, Case, Corpus, open_corpus
from benchmarks.measure import Result
from benchmarks.report import page
from benchmarks.results import Run, compared, load, new_id, now, save
from benchmarks.runner import Plan, run

REPORTS = Path("reports")


def main(words: list[str] | None = None) -> int:
    """The command."""
    given = _parser().parse_args(words)
    missing = [f"{name}: {said}" for name in given.against if (said := peers.check(name))]
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 2
    corpus = open_corpus(given.corpus)
    cases = corpus.cases(tuple(given.fmt or ()), tuple(given.preset or ()), tuple(given.group or ()))
    if not cases:
        print(f"no pictures below {corpus.folder} fit; groups: {', '.join(corpus.groups())}", file=sys.stderr)
        return 2
    said = Console(stderr=True)
    if corpus.synthetic:
        said.print("no corpus is there: a synthetic one is used (python scripts/download_corpus.py fetches a real one)")
    plan = Plan(jobs=given.jobs, repeat=given.repeat, seed=given.seed, against=tuple(given.against))
    made = asyncio.run(_all(corpus, cases, plan, said))
    before = _last(given.reports) if given.compare else None
    change = compared(before, made) if before else None
    save(made, given.reports / f"{made.id}.json")
    report = given.reports / f"{made.id}.html"
    report.write_text(page(made, change), "utf-8")
    if given.json:
        print(json.dumps({**made.as_dict(), "comparison": change}, indent=1))
    else:
        _show(made, Console())
        print(report)
    if given.compare:
        _show_change(change, before, said)
    head = made.head()["summary"]
    failed = head["failures"] or head["promises_broken"] or (change and change["regressions"])
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--fmt", action="append", choices=FORMATS, help="only this format; may be named several times")
    parser.add_argument("--preset", action="append", choices=list(PRESETS), help="only this preset")
    parser.add_argument("--group", action="append", help="only this group of the corpus")
    parser.add_argument("--corpus", type=Path, help="a folder of groups of pictures")
    parser.add_argument("--compare", action="store_true", help="show the change against the last run")
    parser.add_argument("--json", action="store_true", help="print the run as JSON")
    parser.add_argument("--jobs", type=int, default=0, help="cases at a time; 0 is one a core")
    parser.add_argument("--repeat", type=int, default=1, help="times are the least of so many")
    parser.add_argument("--seed", type=int, default=0, help="decides the order of cases that are alike in size")
    parser.add_argument("--against", type=lambda text: text.split(","), default=[], metavar="PEER,...",
                        help="pillow, sharp, pare-url=http://..., optipic-url=http://...")  # fmt: skip
    parser.add_argument("--reports", type=Path, default=REPORTS, help="where reports go")
    return parser


async def _all(corpus: Corpus, cases: tuple[Case, ...], plan: Plan, said: Console) -> Run:
    began, started_at, number = time.perf_counter(), now(), new_id()
    results: list[Result] = []
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=said, transient=True) as bar:
        task = bar.add_task("cases", total=len(cases))
        async for result in run(cases, plan):
            results.append(result)
            bar.advance(task)
            if result.error:
                bar.console.print(f"[red]{result.name}: {result.error}[/red]")
    wanted = {"formats": sorted({case.format for case in cases}), "presets": sorted({case.preset for case in cases}),
              "groups": sorted({case.group for case in cases}), "jobs": plan.jobs, "repeat": plan.repeat,
              "seed": plan.seed, "against": list(plan.against)}  # fmt: skip
    return Run(
        id=number, started_at=started_at, seconds=time.perf_counter() - began, corpus=corpus.folder.name,
        synthetic=corpus.synthetic, wanted=wanted, results=tuple(sorted(results, key=lambda each: each.name)),
    )  # fmt: skip


def _last(folder: Path) -> Run | None:
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            return load(path)
        except ValueError:
            continue
    return None


def _show(made: Run, console: Console) -> None:
    head = made.head()["summary"]
    table = Table("format", "preset", "cases", "average", "range", "est. error", "score", "seconds", "methods")
    for cell in head["cells"]:
        table.add_row(
            cell["format"], cell["preset"], str(cell["cases"]), f"{cell['average_percent']:.1f} %",
            f"{cell['least_percent']:.1f} to {cell['most_percent']:.1f} %", f"{cell['estimate_error']:.2f}",
            "" if cell["score"] is None else f"{cell['score']:.1f}", f"{cell['wall_seconds']:.2f}",
            ", ".join(cell["methods"]),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"{head['cases']} cases in {made.seconds:.0f} s, {head['failures']} failures, {head['promises_broken']} broken promises"
    )


def _show_change(change: dict[str, Any] | None, before: Run | None, said: Console) -> None:
    if change is None or before is None:
        said.print("there is no earlier run to compare with")
        return
    said.print(
        f"against {before.id}: {change['cases']} cases in both, bytes {change['bytes_percent']:+.3f} %, "
        f"CPU time x{change['time_ratio']:.2f} (spread {change['time_spread']:.2f})"
    )
    for line in change["regressions"]:
        said.print(f"[red]{line}[/red]")


if __name__ == "__main__":
    sys.exit(main())

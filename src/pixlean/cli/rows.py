"""What came of each file: one row in the table, in the lines, in the JSON and in the journal."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from pixlean.cli.say import complain, shown
from pixlean.cli.table import show_table

_MOST_SHOWN = 500


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file's line in the summary. ``skipped`` is why a file was not worked on, which is no failure."""

    file: str
    before_bytes: int
    after_bytes: int
    method: str
    seconds: float
    written: str | None = None
    error: str | None = None
    score: float | None = None
    note: str | None = None
    skipped: str | None = None

    @property
    def saved_percent(self) -> float:
        """How much smaller the result is, in per cent of the original."""
        return 100 * (1 - self.after_bytes / self.before_bytes) if self.before_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Sums:
    """All rows together."""

    files: int
    before_bytes: int
    after_bytes: int
    failed: int
    skipped: int

    @classmethod
    def of(cls, rows: list[Row]) -> Sums:
        """Counted and added up; what failed or was skipped saves nothing."""
        return cls(
            files=len(rows),
            before_bytes=sum(row.before_bytes for row in rows),
            after_bytes=sum(row.after_bytes for row in rows),
            failed=sum(1 for row in rows if row.error),
            skipped=sum(1 for row in rows if row.skipped),
        )

    def __str__(self) -> str:
        saved = 100 * (1 - self.after_bytes / self.before_bytes) if self.before_bytes else 0.0
        parts = [
            f"{self.files} file{'s' * (self.files != 1)}",
            f"{self.before_bytes:,} -> {self.after_bytes:,} bytes",
            f"{saved:.1f} % saved",
        ]
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


class Output:
    """Shows rows as they come and when all are there: ``style`` is table, lines, json, ndjson or quiet."""

    def __init__(self, style: str, *, dry_run: bool = False) -> None:
        self.style = style
        self._dry_run = dry_run

    def row(self, row: Row) -> None:
        """One file is done."""
        if self.style == "table":
            return
        if self.style == "ndjson":
            print(json.dumps(asdict(row)), flush=True)
        elif self.style == "lines":
            print(line_of(row, dry_run=self._dry_run), flush=True)
        _say_error(row)

    def end(self, rows: list[Row]) -> None:
        """All files are done."""
        if self.style == "json":
            print(json.dumps({"files": [asdict(row) for row in rows]}, indent=2), flush=True)
        elif self.style == "lines":
            print(Sums.of(rows), flush=True)
        elif self.style == "table":
            _show(rows, dry_run=self._dry_run)
            for row in rows:
                _say_error(row)


def style_of(*, as_json: bool, ndjson: bool, quiet: bool) -> str:
    """How rows are shown: as asked for, else a table for people and whole lines for programs."""
    if as_json or ndjson:
        return "json" if as_json else "ndjson"
    return "quiet" if quiet else "table" if sys.stdout.isatty() else "lines"


def _say_error(row: Row) -> None:
    if row.error:
        complain(row.error, about=row.file)


def line_of(row: Row, *, dry_run: bool = False) -> str:
    """A row as one whole line."""
    if row.error:
        return f"{shown(row.file)}: failed: {row.error}"
    if row.skipped:
        return f"{shown(row.file)}: skipped: {row.skipped}"
    sizes = f"{row.before_bytes:,} -> {row.after_bytes:,} bytes, {row.saved_percent:.1f} % saved"
    sizes += " (estimated)" if dry_run else ""
    if row.written is None:
        target = "" if dry_run else ", nothing written"
    else:
        target = f", {'would be written to' if dry_run else 'written to'} {shown(row.written)}"
    note = f" ({row.note})" if row.note else ""
    return f"{shown(row.file)}: {sizes}{target}{note}"


def _show(rows: list[Row], *, dry_run: bool) -> None:
    cells = []
    for row in rows:
        if len(rows) > _MOST_SHOWN and not row.error:
            continue
        said = f"failed: {row.error}" if row.error else f"skipped: {row.skipped}" if row.skipped else row.method
        said += f" ({row.note})" if row.note else ""
        plain = row.error or row.skipped
        cells.append((
            shown(row.file), f"{row.before_bytes:,}", "" if plain else f"{row.after_bytes:,}",
            "" if plain else f"{row.saved_percent:.1f} %", shown(row.written or ""), said,
        ))  # fmt: skip
    show_table(("file", "before", "estimate" if dry_run else "after", "saved", "result", "how"), cells)
    print(Sums.of(rows))


def append_summary(path: Path, rows: list[Row]) -> None:
    """A table in Markdown, for a pull request: what was saved, and what failed."""
    changed = [row for row in rows if row.written and row.after_bytes < row.before_bytes]
    lines = ["### Pictures made smaller", "", f"{Sums.of(rows)}.", ""]
    if changed:
        lines += ["| file | before | after | saved |", "|---|---:|---:|---:|"]
        lines += [
            f"| `{_cell(row.file)}` | {row.before_bytes:,} | {row.after_bytes:,} | {row.saved_percent:.1f} % |"
            for row in changed
        ]
        lines.append("")
    failed = [f"- `{_cell(row.file)}`: {row.error}" for row in rows if row.error]
    lines += ["Failed:", "", *failed, ""] if failed else []
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines) + "\n")


def _cell(name: str) -> str:
    return shown(name).replace("|", "\\|").replace("`", "'")

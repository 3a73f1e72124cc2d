"""What tells what a batch did: a page that needs nothing else, or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from html import escape
from pathlib import Path

from pixlean.cli.progress import size_text
from pixlean.domain.bulk import Line

_MOST_LISTED = 200
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "body{color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0;width:100%}td,th{padding:.25rem .6rem;text-align:left;"
    "border-bottom:1px solid #ddd}td.n{text-align:right;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}}"
)


def write(path: Path, lines: Sequence[Line], source: str, target: str) -> None:
    """The report in the form that its name ends with. Raises ``OSError``."""
    if path.suffix.lower() == ".parquet":
        _write_parquet(path, lines)
    else:
        path.write_text(page(lines, source, target), "utf-8")


def _write_parquet(path: Path, lines: Sequence[Line]) -> None:
    """A row for each object, the last line that was written of it."""
    import pyarrow
    from pyarrow import parquet

    last = {line.key: line for line in lines}
    kinds = {"before_bytes": pyarrow.int64(), "after_bytes": pyarrow.int64(), "score": pyarrow.float64(),
             "seconds": pyarrow.float64()}  # fmt: skip
    schema = pyarrow.schema([(each.name, kinds.get(each.name, pyarrow.string())) for each in fields(Line)])
    parquet.write_table(pyarrow.Table.from_pylist([asdict(line) for line in last.values()], schema=schema), path)


def parquet_keys(path: Path) -> frozenset[str]:
    """The column ``key``. Raises ``OSError``, and ``ValueError`` where it is no Parquet or has no such column."""
    import pyarrow
    from pyarrow import parquet

    try:
        found = parquet.read_table(path, columns=["key"]).column("key").cast(pyarrow.string()).to_pylist()
    except (pyarrow.ArrowException, KeyError) as error:
        raise ValueError("it is no Parquet with a column key of texts") from error
    return frozenset(key for key in found if key is not None)


def page(lines: Sequence[Line], source: str, target: str) -> str:
    """All lines of a ledger as a page; of an object that was tried again the last one counts."""
    last = {line.key: line for line in lines}
    good = [line for line in last.values() if not line.error]
    bad = [line for line in last.values() if line.error]
    before, after = sum(line.before_bytes for line in good), sum(line.after_bytes for line in good)
    saved = 100 * (1 - after / before) if before else 0.0
    methods = Counter(line.method for line in good)
    largest = sorted(good, key=lambda line: line.after_bytes - line.before_bytes)[:20]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>pixlean batch</title><style>{_STYLE}</style>'
        f"<h1>{escape(source)} &rarr; {escape(target)}</h1>"
        f"<p>{len(good):,} objects, {size_text(before)} became {size_text(after)}: "
        f"<strong>{saved:.1f} % saved</strong>. {len(bad):,} failed.</p>"
        + _table("By method", ("method", "objects"), ((name, f"{n:,}") for name, n in methods.most_common()))
        + _table(
            "What saved most",
            ("key", "before", "after"),
            ((line.key, size_text(line.before_bytes), size_text(line.after_bytes)) for line in largest),
        )
        + (_table("Failed", ("key", "why"), ((line.key, line.error) for line in bad[:_MOST_LISTED])) if bad else "")
        + "</html>\n"
    )


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td{' class=n' if at else ''}>{escape(cell)}</td>" for at, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{body}</table>"

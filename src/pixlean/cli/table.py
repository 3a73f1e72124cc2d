"""Tables: drawn for people on a terminal, whole lines with tabs between the cells for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in which no cell is ever cut."""
    if not sys.stdout.isatty():
        print("\t".join(headings))
        for row in rows:
            print("\t".join(_one_line(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(heading, overflow="fold") for heading in headings))
    for row in rows:
        # Text, not markup: a name with brackets in it is a name.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _one_line(cell: str) -> str:
    return cell.replace("\t", " ").replace("\n", " ")

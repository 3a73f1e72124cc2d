"""``pixlean config``."""

from __future__ import annotations

import sys


def config() -> None:
    """Print the effective settings and where each comes from."""
    from rich.console import Console
    from rich.table import Table

    from pixlean.config import SettingsError, load

    try:
        rows = load().rows
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    table = Table("setting", "value", "from", "what")
    for row in rows:
        table.add_row(row.name, row.value, row.origin, row.description)
    Console().print(table)

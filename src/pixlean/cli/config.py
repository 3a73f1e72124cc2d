"""``pixlean config``."""

from __future__ import annotations

from pixlean.cli.say import fail


def config() -> None:
    """Print the effective settings and where each comes from."""
    from pixlean.cli.table import show_table
    from pixlean.config import SettingsError
    from pixlean.wiring.environment import load

    try:
        rows = load().rows
    except SettingsError as error:
        fail(str(error), hint="docs/settings.md has them all")
    show_table(
        ("setting", "value", "from", "what"),
        ((row.name, str(row.value), str(row.origin), row.description) for row in rows),
    )

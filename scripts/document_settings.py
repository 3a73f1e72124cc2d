"""Write docs/settings.md out of the rooms' settings: ``python scripts/document_settings.py``."""

from __future__ import annotations

from pathlib import Path

from pixlean.domain.settings import Variable, variables
from pixlean.wiring.environment import ROOMS

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_HEAD = """# Settings

Made by `python scripts/document_settings.py` from the `settings.py` beside each room; do not edit. A test compares the two.

Settings are environment variables; an empty one counts as not set. `pixlean config` prints the values that are in force and where each comes from. A wrong value stops the start, and
all wrong ones are listed at once. Traces are set by the usual `OTEL_*` variables (`docs/operations.md`).

| name | default | |
|---|---|---|
"""


def page() -> str:
    return _HEAD + "".join(_row(variable) for room in ROOMS for _, variable in variables(room))


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else ""
    return f"| `{variable.name}` | {default} | {variable.sentence.replace('|', chr(92) + '|')} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

"""How a page of help looks: names on the left, whole sentences on the right, choices and defaults at their end."""

from __future__ import annotations

import textwrap
from typing import Any

_NAMES = 26


class HelpFormat:
    """Draws the panels of cyclopts as plain columns that stay whole in a pipe."""

    def __call__(self, console: Any, options: Any, panel: Any) -> None:
        """Draw one group of options or commands."""
        if not panel.entries:
            return
        lines = [f"{_text(panel.title)}:"]
        for entry in panel.entries:
            lines += _entry(entry, console.width)
        _print(console, "\n".join(lines) + "\n")

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:
        """Draw how the command is called."""
        if usage:
            _print(console, f"Usage: {_text(usage).strip()}\n")

    def render_description(self, console: Any, options: Any, description: Any) -> None:
        """Draw what the command does, paragraph by paragraph."""
        paragraphs = [" ".join(part.split()) for part in _text(description).split("\n\n")]
        text = "\n\n".join(textwrap.fill(part, console.width - 1) for part in paragraphs if part)
        if text:
            _print(console, text + "\n")


def _entry(entry: Any, width: int) -> list[str]:
    names = ", ".join(entry.display_labels_with_metavar)
    said = " ".join(_text(entry.description).split())
    notes = [f"one of {', '.join(entry.choices)}"] if entry.choices else []
    if entry.default not in (None, "()", "None", "", "''", '""'):
        notes.append(f"default {'off' if entry.default == 'False' else entry.default}")
    if entry.required:
        notes.append("required")
    if notes:
        said = f"{said} [{'; '.join(notes)}]"
    body = textwrap.wrap(said, width - _NAMES - 1, break_on_hyphens=False) or [""]
    left = f"  {names}"
    if len(left) >= _NAMES - 1:
        return [left, *(" " * _NAMES + line for line in body)]
    return [f"{left:<{_NAMES}}{body[0]}", *(" " * _NAMES + line for line in body[1:])]


def _text(shown: Any) -> str:
    if shown is None:
        return ""
    text = shown.plain if hasattr(shown, "plain") else getattr(shown, "primary_renderable", shown)
    text = text if isinstance(text, str) else str(getattr(text, "plain", text))
    # Quotes of the docstrings' own markup.
    return text.replace("``", "")


def _print(console: Any, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)

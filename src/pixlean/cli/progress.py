"""The bar on stderr: the file in hand, the bytes saved so far and the time left. Only for people on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from pixlean.cli.say import shown


class Progress:
    """What a bar is told; this one shows nothing."""

    def start(self, name: str) -> None:
        """A file is in hand."""

    def end(self, saved_bytes: int) -> None:
        """A file is done."""


@contextlib.contextmanager
def progress(files: int, *, on: bool) -> Iterator[Progress]:
    """A bar for so many files, where somebody looks at it."""
    if not on or not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichBar

    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[saved]}"), TimeRemainingColumn(),
        TextColumn("{task.fields[hand]}"),
    )  # fmt: skip
    with RichBar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task("files", total=files, saved="0 B saved", hand="")

        class _Drawn(Progress):
            def __init__(self) -> None:
                self.saved_bytes = 0

            def start(self, name: str) -> None:
                drawn.update(task, hand=escape(shown(name)))

            def end(self, saved_bytes: int) -> None:
                self.saved_bytes += saved_bytes
                drawn.update(task, advance=1, saved=f"{size_text(self.saved_bytes)} saved")

        yield _Drawn()


def size_text(size_bytes: int) -> str:
    """A size for people."""
    size = float(size_bytes)
    for unit in ("B", "KB", "MB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"

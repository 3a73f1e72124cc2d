"""What people do on the page, in a few words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def add(page: Any, files: Iterable[Path]) -> None:
    """Choose files."""
    page.get_by_label("Choose pictures", exact=True).set_input_files(list(files))


def items(page: Any) -> Any:
    """The pictures of the list."""
    return page.get_by_role("list", name="Pictures").get_by_role("listitem")


def item(page: Any, name: str) -> Any:
    """The one with this file name."""
    return items(page).filter(has_text=name)


def settled(page: Any, count: int, seconds: float = 60) -> None:
    """Wait until nothing is open any more."""
    page.get_by_text(f"{count} of {count} done", exact=True).wait_for(timeout=1000 * seconds)


def watch_wishes(page: Any) -> None:
    """The options of every request from now on, as the page wrote them: Chromium tells no body that has a file in it."""
    page.evaluate("""() => {
        window.wishes = []
        const append = FormData.prototype.append
        FormData.prototype.append = function (name, ...rest) {
            if (name === "options") window.wishes.push(rest[0])
            return append.call(this, name, ...rest)
        }
    }""")


def wished(page: Any) -> list[dict[str, Any]]:
    """What was wished since ``watch_wishes``."""
    return [json.loads(text)["optimization"] for text in page.evaluate("wishes")]

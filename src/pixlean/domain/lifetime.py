"""How long an answer may be kept, as ``Cache-Control`` tells it (RFC 9111, RFC 5861)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(r'([a-zA-Z-]+)(?:\s*=\s*"?(\d{1,10})"?)?')
_MOST_SECONDS = 31_536_000


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """``seconds`` fresh, ``stale_seconds`` more while a new one is made, ``immutable`` where it never changes.

    Where ``is_kept`` is false nobody keeps it.
    """

    seconds: int = 0
    stale_seconds: int = 0
    immutable: bool = False
    is_kept: bool = True

    @property
    def text(self) -> str:
        """The header."""
        if not self.is_kept:
            return "no-store"
        parts = ["public", f"max-age={self.seconds}"]
        if self.stale_seconds:
            parts.append(f"stale-while-revalidate={self.stale_seconds}")
        return ", ".join([*parts, "immutable"] if self.immutable else parts)


NOT_KEPT = Lifetime(is_kept=False)


def read(text: str) -> Lifetime | None:
    """What a ``Cache-Control`` says to caches that many share; ``None`` where it says nothing of it."""
    found = {name.lower(): value for name, value in _DIRECTIVE.findall(text)}
    if "no-store" in found or "private" in found:
        return NOT_KEPT
    seconds = found.get("s-maxage") or found.get("max-age")
    if "no-cache" in found:
        seconds = "0"
    if not seconds:
        return None
    return Lifetime(
        seconds=min(int(seconds), _MOST_SECONDS),
        stale_seconds=min(int(found.get("stale-while-revalidate") or 0), _MOST_SECONDS),
        immutable="immutable" in found,
    )

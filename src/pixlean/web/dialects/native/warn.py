"""Fields that are not read: they are no fault, but whoever sent them should know, and know where they belong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

HEADER = "X-Pixlean-Warning"
OPTIMIZATION = (
    "quality", "strip_metadata", "progressive_jpeg", "png_lossy", "max_reduction", "format", "max_width", "max_height",
    "target_size", "min_score", "effort",
)  # fmt: skip
STORAGE = ("provider", "bucket", "path", "project", "public")
_MOST_TOLD, _MOST_CHARACTERS = 5, 50


def in_optimize_form(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Of the text fields of ``/optimize``: everything but the file has its place in ``options``."""
    homes = {name: f'\'options\', as {{"optimization": {{"{name}": ...}}}}' for name in OPTIMIZATION}
    homes |= {name: f'\'options\', as {{"storage": {{"{name}": ...}}}}' for name in STORAGE}
    homes |= {name: f"'options', as {{\"{name}\": {{...}}}}" for name in ("optimization", "storage")}
    return _unread(fields, ("options", "url"), homes)


def in_estimate_form(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Of the text fields of ``/estimate``, whose ``options`` are the optimization object itself."""
    homes = {name: f"'options', as {{\"{name}\": ...}}" for name in OPTIMIZATION}
    return _unread(fields, ("options", "preset", "url", "alternatives"), homes)


def in_info_form(fields: Mapping[str, str]) -> tuple[str, ...]:
    """Of the text fields of ``/info``, which takes none."""
    return _unread(fields, ("url",), {})


def in_object(body: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    """Of a JSON object that has ``optimization`` and perhaps ``storage`` in it, and of these two."""
    homes = dict.fromkeys(OPTIMIZATION, "'optimization'")
    if "storage" in known:
        homes |= dict.fromkeys(STORAGE, "'storage'")
    inside = (("optimization", OPTIMIZATION), ("storage", STORAGE))
    return _unread(body, known, homes) + tuple(
        said for name, names in inside if name in known and isinstance(body.get(name), dict)
        for said in _unread(body[name], names, {}, f"{name}.")
    )  # fmt: skip


def in_bare_options(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the ``options`` of ``/estimate``; what belongs to ``/optimize`` alone is known and has no effect."""
    if isinstance(options.get("optimization"), dict):
        return in_object(options, ("optimization", "storage"))
    return _unread(options, (*OPTIMIZATION, "optimization", "storage"), {})


def _unread(
    found: Mapping[str, Any], known: Collection[str], homes: Mapping[str, str], within: str = ""
) -> tuple[str, ...]:
    return tuple(
        f"'{within}{_plain(name)}' was ignored: "
        + (f"it belongs into {homes[name]}" if name in homes else "it is not known here")
        for name in found
        if name not in known
    )


def _plain(name: str) -> str:
    """A stranger's word as a header may hold it."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in name[:_MOST_CHARACTERS])


def as_header(sayings: tuple[str, ...]) -> dict[str, str]:
    """The header, where there is something to say."""
    more = len(sayings) - _MOST_TOLD
    told = [*sayings[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
    return {HEADER: "; ".join(told)} if told else {}

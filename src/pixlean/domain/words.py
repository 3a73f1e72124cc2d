"""The words of the library, which are those of the command line and of HTTP, become a recipe."""

from __future__ import annotations

from typing import Literal, TypedDict

from pixlean.domain.edits import NO_EDITS, Edits, Resize
from pixlean.domain.formats import FORMATS, Audience, Format
from pixlean.domain.recipe import SIDE_PX, Keep, Recipe

FormatWord = Literal["auto", "jpeg", "jpg", "png", "webp", "avif", "jxl", "gif", "tiff", "bmp", "heic"]


class More(TypedDict, total=False):
    """The rarer fields of a ``Recipe``."""

    keep: tuple[Keep, ...]
    progressive_jpeg: bool | None
    png_lossy: bool
    max_reduction: float | None
    outputs: tuple[Format, ...]
    auto: bool
    stay: bool
    edits: Edits
    keeps_size: bool
    smart: bool
    effort: int | None
    background: tuple[int, int, int]
    preview: bool


def recipe_of(
    more: More, *, quality: int, format: str | None, max_width: int | None, max_height: int | None,  # noqa: A002
    target_bytes: int | None, min_score: float | None, strip_metadata: bool,
) -> Recipe:  # fmt: skip
    """The recipe for these words. Raises ``ValueError`` and ``TypeError``, which name the argument that is wrong."""
    SIDE_PX.check("max_width", max_width)
    SIDE_PX.check("max_height", max_height)
    unknown = set(more) - set(More.__annotations__)
    if unknown:
        raise TypeError(f"there is no argument {min(unknown)!r}")
    fields: More = more
    if format is not None:
        if more.get("outputs") or more.get("auto"):
            raise ValueError("format and outputs exclude each other")
        fields = {**fields, "outputs": outputs_of(format), "auto": format == "auto"}
    if max_width is not None or max_height is not None:
        edits = more.get("edits", NO_EDITS)
        if edits.resize is not None:
            raise ValueError("max_width, max_height and the resize of edits exclude each other")
        from dataclasses import replace

        fields = {**fields, "edits": replace(edits, resize=Resize(width_px=max_width, height_px=max_height))}
    return Recipe(
        quality=quality, strip_metadata=strip_metadata, target_bytes=target_bytes, min_score=min_score, **fields
    )


def outputs_of(name: str) -> tuple[Format, ...]:
    """The formats that a word for one means. Raises ``ValueError``."""
    if name == "auto":
        return tuple(each for each, row in FORMATS.items() if (row.audience or 0) >= Audience.MODERN)
    known = {str(each): each for each, row in FORMATS.items() if row.output}
    # A format's usual file ending is its name too.
    endings: dict[str, Format] = {ending[1:]: each for each in known.values() for ending in FORMATS[each].extensions}
    if name not in known | endings:
        raise ValueError(f"format must be one of auto, {', '.join(known)}, not {name!r}")
    return ((known | endings)[name],)

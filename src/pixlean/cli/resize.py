"""``pixlean resize``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pixlean.cli.options import NO_OPTIONS, Batch, FormatName, Quality


def resize(
    files: list[Path],
    /,
    *,
    width: int | None = None,
    height: int | None = None,
    fit: Literal["inside", "exact", "cover", "thumb", "scale"] = "inside",
    quality: Quality = 80,
    format: FormatName | None = None,  # noqa: A002 - the option's name
    max: bool = False,  # noqa: A002 - the option's name
    fast: bool = False,
    batch: Batch = NO_OPTIONS,
) -> None:
    """Give picture files another size.

    Without --out the results stand beside the originals as NAME.min.EXT.

    Parameters
    ----------
    files
        Picture files, folders and patterns; - is standard input, and the result goes to standard output.
    width
        Width of the results in pixels; without it, it follows from the height.
    height
        Height of the results in pixels; without it, it follows from the width.
    fit
        inside: as large as both sides allow, never enlarged. exact: stretched to both sides. cover: filled, and cut to
        what draws attention. thumb: the same, but an object on a plain ground is shown whole. scale: inside, enlarged
        where needed.
    quality
        From 1 (smallest) to 100 (no visible loss).
    format
        Format of the results; auto is the smallest of JPEG, PNG, WebP and AVIF at equal quality. Default: the
        original's.
    max
        All the effort there is: some per cent smaller, many times slower.
    fast
        Little effort: some per cent larger, several times quicker.
    """
    from pixlean.cli.batch import work_on
    from pixlean.cli.formats import outputs_of
    from pixlean.cli.options import check_quality, check_range, effort_of
    from pixlean.cli.say import fail
    from pixlean.domain.edits import Edits, Fit, Resize
    from pixlean.domain.recipe import SIDE_PX, Recipe

    if width is None and height is None:
        fail("name --width or --height, in pixels")
    check_range(SIDE_PX, "--width", width)
    check_range(SIDE_PX, "--height", height)
    check_quality(quality)
    edits = Edits(resize=Resize(width_px=width, height_px=height, fit=Fit(fit)))
    recipe = Recipe(
        quality=quality, edits=edits, outputs=outputs_of(format), auto=format == "auto",
        effort=effort_of(most=max, least=fast),
    )  # fmt: skip
    work_on(files, recipe, batch)

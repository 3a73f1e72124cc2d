"""``pixlean convert``."""

from __future__ import annotations

from pathlib import Path

from pixlean.cli.options import NO_OPTIONS, Batch, FormatName, Quality


def convert(
    files: list[Path],
    /,
    *,
    to: FormatName,
    quality: Quality = 80,
    smart: bool = False,
    lossless: bool = False,
    keep_metadata: bool = False,
    max: bool = False,  # noqa: A002 - the option's name
    fast: bool = False,
    batch: Batch = NO_OPTIONS,
) -> None:
    """Convert picture files to another format.

    Without --out the results stand beside the originals as NAME.min.EXT, with --in-place as NAME.EXT; the originals
    stay.

    Parameters
    ----------
    files
        Picture files, folders and patterns; - is standard input, and the result goes to standard output.
    to
        Format of the results; auto is the smallest of JPEG, PNG, WebP and AVIF at equal quality.
    quality
        From 1 (smallest) to 100 (no visible loss).
    smart
        As small as it can be without a visible difference, measured for each picture.
    lossless
        Every pixel stays (png, webp and jxl).
    keep_metadata
        Keep EXIF; without it the private parts go.
    max
        All the effort there is: some per cent smaller, many times slower.
    fast
        Little effort: some per cent larger, several times quicker.
    """
    from pixlean.cli.batch import work_on
    from pixlean.cli.formats import outputs_of
    from pixlean.cli.options import check_quality, effort_of
    from pixlean.domain.recipe import Recipe

    check_quality(quality)
    recipe = Recipe(
        quality=100 if lossless else quality,
        strip_metadata=not keep_metadata,
        png_lossy=not lossless,
        outputs=outputs_of(to),
        auto=to == "auto",
        smart=smart,
        effort=effort_of(most=max, least=fast),
    )
    work_on(files, recipe, batch)

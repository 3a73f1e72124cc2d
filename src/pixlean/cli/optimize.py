"""``pixlean optimize``."""

from __future__ import annotations

from pathlib import Path

from pixlean.cli.options import NO_OPTIONS, Batch, FormatName, Progressive, Quality


def optimize(
    files: list[Path],
    /,
    *,
    quality: Quality = 80,
    keep_metadata: bool = False,
    progressive: Progressive = None,
    lossless: bool = False,
    format: FormatName | None = None,  # noqa: A002 - the option's name
    target_size: str | None = None,
    no_resize: bool = False,
    smart: bool = False,
    min_score: float | None = None,
    max: bool = False,  # noqa: A002 - the option's name
    fast: bool = False,
    batch: Batch = NO_OPTIONS,
) -> None:
    """Make picture files smaller.

    Folders are walked, quoted patterns expanded. Without --out or --in-place the result stands beside the original as
    NAME.min.EXT. No file is lost: where a result would take the name of a file that was not made from the same
    original, nothing is done, and all such names are listed (see --overwrite).

    Parameters
    ----------
    files
        Picture files, folders and patterns; - is standard input, and the result goes to standard output.
    quality
        From 1 (smallest) to 100 (no visible loss).
    keep_metadata
        Keep EXIF, XMP and comments; without it the private ones go.
    progressive
        Write progressive JPEGs, which show before they are loaded, or with --baseline sequential ones. Default: what
        is smaller.
    lossless
        Never reduce the colours of PNGs.
    format
        Format of the results; auto is the smallest of JPEG, PNG, WebP and AVIF at equal quality. Default: the
        original's.
    target_size
        Size that no result may exceed, such as 500KB or 1.5MB; where quality alone does not reach it, pixels go.
        Default: no limit.
    no_resize
        With --target-size: keep all pixels, even where the size is then missed.
    smart
        As small as it can be without a visible difference, measured for each picture.
    min_score
        SSIMULACRA2 (0 to 100) that results keep; 90 shows no difference, 70 little. Default: what
        the quality gives.
    max
        All the effort there is: some per cent smaller, many times slower.
    fast
        Little effort: some per cent larger, several times quicker.
    """
    from pixlean.cli.batch import work_on
    from pixlean.cli.formats import outputs_of
    from pixlean.cli.options import check_quality, check_range, effort_of, size_of
    from pixlean.cli.say import fail
    from pixlean.domain.recipe import SCORE, Recipe

    check_quality(quality)
    if no_resize and not target_size:
        fail("--no-resize goes with --target-size")
    check_range(SCORE, "--min-score", min_score)
    recipe = Recipe(
        quality=quality,
        strip_metadata=not keep_metadata,
        progressive_jpeg=progressive,
        png_lossy=not lossless,
        outputs=outputs_of(format),
        auto=format == "auto",
        target_bytes=size_of(target_size) if target_size else None,
        keeps_size=no_resize,
        smart=smart,
        min_score=min_score,
        effort=effort_of(most=max, least=fast),
    )
    work_on(files, recipe, batch)

"""``pixlean optimize``, ``convert`` and ``resize``: files and folders, in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from pixlean.domain.formats import Format

Quality = Annotated[int, Parameter(name=["--quality", "-q"])]
Jobs = Annotated[int, Parameter(name=["--jobs", "-j"])]
Json = Annotated[bool, Parameter(name="--json")]


def optimize(
    files: list[Path],
    /,
    *,
    quality: Quality = 80,
    out: Path | None = None,
    in_place: bool = False,
    keep_metadata: bool = False,
    progressive: bool = False,
    lossless: bool = False,
    format: str | None = None,  # noqa: A002 - the option's name
    target_size: str | None = None,
    smart: bool = False,
    min_score: float | None = None,
    watch: bool = False,
    resume: bool = False,
    json_output: Json = False,
    jobs: Jobs = 0,
) -> None:
    """Make image files smaller.

    Folders are walked, quoted patterns expanded. Without --out or --in-place the result stands beside the original as
    NAME.min.EXT. The exit code is 1 if any file failed.

    Parameters
    ----------
    files: image files, folders and patterns
    quality: 1 (smallest) to 100
    out: folder for the results
    in_place: replace the originals, only ever by something smaller
    keep_metadata: keep EXIF, XMP and comments
    progressive: write progressive JPEGs
    lossless: never quantise PNGs
    format: auto (the smallest of JPEG, PNG, WebP and AVIF at equal quality), jpeg, png, webp, avif, jxl or gif
    target_size: a size that no result may exceed, such as 500KB
    smart: as small as it can be without a visible difference
    min_score: the SSIMULACRA2 (0-100) that results keep
    watch: go on with new and changed files until Ctrl-C
    resume: go on with a batch of the same files and options that was cut off; files that failed are tried again
    json_output: print one JSON object instead of the table
    jobs: files at a time; 0 is one a core
    """
    from pixlean.cli.batch import Job, fail, size_of, work_on
    from pixlean.domain.recipe import Recipe

    if not 1 <= quality <= 100:
        fail("--quality must be from 1 to 100")
    recipe = Recipe(
        quality=quality,
        strip_metadata=not keep_metadata,
        progressive_jpeg=progressive,
        png_lossy=not lossless,
        outputs=_outputs(format) if format else (),
        auto=format == "auto",
        target_bytes=size_of(target_size) if target_size else None,
        smart=smart,
        min_score=min_score,
    )
    work_on(files, recipe, Job(out=out, in_place=in_place, jobs=jobs, quiet=json_output, watch=watch, resume=resume))


def convert(
    files: list[Path],
    /,
    *,
    to: str,
    quality: Quality = 80,
    smart: bool = False,
    lossless: bool = False,
    out: Path | None = None,
    keep_metadata: bool = False,
    json_output: Json = False,
    jobs: Jobs = 0,
) -> None:
    """Convert image files to another format.

    Parameters
    ----------
    files: image files, folders and patterns
    to: auto, jpeg, png, webp, avif, jxl or gif
    quality: 1 (smallest) to 100
    smart: as small as it can be without a visible difference
    lossless: every pixel stays (png, webp, jxl)
    out: folder for the results; without it they stand beside the originals as NAME.min.EXT
    keep_metadata: keep EXIF
    json_output: print one JSON object instead of the table
    jobs: files at a time; 0 is one a core
    """
    from pixlean.cli.batch import Job, fail, work_on
    from pixlean.domain.recipe import Recipe

    if not 1 <= quality <= 100:
        fail("--quality must be from 1 to 100")
    recipe = Recipe(
        quality=100 if lossless else quality,
        strip_metadata=not keep_metadata,
        png_lossy=not lossless,
        outputs=_outputs(to),
        auto=to == "auto",
        smart=smart,
    )
    work_on(files, recipe, Job(out=out, jobs=jobs, quiet=json_output))


def resize(
    files: list[Path],
    /,
    *,
    width: int | None = None,
    height: int | None = None,
    fit: str = "inside",
    quality: Quality = 80,
    format: str | None = None,  # noqa: A002 - the option's name
    out: Path | None = None,
    json_output: Json = False,
    jobs: Jobs = 0,
) -> None:
    """Give image files another size.

    Parameters
    ----------
    files: image files, folders and patterns
    width: pixels
    height: pixels
    fit: inside (never enlarged), exact (stretched), cover (filled and cut) or scale (enlarged where needed)
    quality: 1 (smallest) to 100
    format: auto, jpeg, png, webp, avif, jxl or gif; without it the format stays
    out: folder for the results; without it they stand beside the originals as NAME.min.EXT
    json_output: print one JSON object instead of the table
    jobs: files at a time; 0 is one a core
    """
    from pixlean.cli.batch import Job, fail, work_on
    from pixlean.domain.edits import Edits, Fit, Resize
    from pixlean.domain.recipe import Recipe

    if not any((width, height)) or min(width or 1, height or 1) < 1:
        fail("name --width or --height, in pixels")
    if fit not in list(Fit):
        fail(f"--fit must be one of {', '.join(Fit)}")
    edits = Edits(resize=Resize(width_px=width, height_px=height, fit=Fit(fit)))
    recipe = Recipe(quality=quality, edits=edits, outputs=_outputs(format) if format else (), auto=format == "auto")
    work_on(files, recipe, Job(out=out, jobs=jobs, quiet=json_output))


def _outputs(name: str) -> tuple[Format, ...]:
    from pixlean.cli.batch import fail
    from pixlean.domain.formats import Format

    if name == "auto":
        return (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF)
    known = ("jpeg", "png", "webp", "avif", "jxl", "gif")
    name = "jpeg" if name == "jpg" else name
    if name not in known:
        fail(f"{name!r} is no format: auto, {', '.join(known)}")
    return (Format(name),)

"""The options that several commands share: their names, help and defaults, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from pixlean.cli.naming import Overwrite
from pixlean.cli.say import fail
from pixlean.domain.recipe import QUALITY, TARGET_BYTES, Range

Quality = Annotated[int, Parameter(name=["--quality", "-q"])]
Progressive = Annotated[bool | None, Parameter(negative="--baseline")]
Json = Annotated[bool, Parameter(name="--json")]
FormatName = Literal["auto", "jpeg", "jpg", "png", "webp", "avif", "jxl", "gif", "tiff", "bmp", "heic"]

# What a lone - is called while the words are read, which take it for an option without a name.
STREAM = "/dev/-"

_RESULTS = Group("Results", sort_key=2)
_WORK = Group("Work", sort_key=3)
_SHOWN = Group("What is shown", sort_key=4)


def _option(help_text: str, group: Group, *names: str) -> Parameter:
    return Parameter(help=help_text, group=group, name=list(names) or None)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Batch:
    """Which files are worked on, where results go, and how the work is done and shown."""

    out: Annotated[
        Path | None,
        _option(
            "Folder for the results, made where it is missing; - writes the one result to standard "
            "output. Default: beside the originals.",
            _RESULTS,
            "--out",
            "-o",
        ),
    ] = None
    name: Annotated[
        str | None,
        _option(
            "Names of results: a text with {stem}, {ext} (the result's), {source_ext} and {parent} (the folder's "
            "name), such as '{stem}-{source_ext}.{ext}'. Default: the original's name, beside the original "
            "'{stem}.min.{ext}'.",
            _RESULTS,
        ),
    ] = None
    in_place: Annotated[
        bool,
        _option(
            "Replace the originals, only ever by something smaller. With another format the result stands beside the "
            "original, which stays.",
            _RESULTS,
        ),
    ] = False
    overwrite: Annotated[
        Overwrite | None,
        _option(
            "Where a file that was not made from the same original has the name of a result: never "
            "leaves it and skips the "
            "original, smaller keeps the smaller of the two, always replaces it. Default: nothing is "
            "done at all, and all "
            "such names are listed.",
            _RESULTS,
        ),
    ] = None
    keep_dates: Annotated[bool, _option("Give results the dates of their originals.", _RESULTS)] = False
    min_savings: Annotated[
        float,
        _option(
            "Least reduction, in per cent, for which a result is written; below it the original counts as small enough "
            "(and is copied into --out).",
            _RESULTS,
        ),
    ] = 0.0
    exclude: Annotated[
        tuple[str, ...],
        _option(
            "A pattern for files and folders to leave out, such as '*.gif' or thumbs; may be repeated. Default: none.",
            _WORK,
        ),
    ] = ()
    jobs: Annotated[int, _option("Files at a time; 0 is one for each core.", _WORK, "--jobs", "-j")] = 0
    dry_run: Annotated[
        bool,
        _option(
            "Write nothing: say which file each result would go to, and estimate its size.",
            _WORK,
            "--dry-run",
            "-n",
        ),
    ] = False
    watch: Annotated[bool, _option("Go on with new and changed files until Ctrl-C.", _WORK)] = False
    resume: Annotated[
        bool,
        _option(
            "Go on with a run over the same files with the same options that was cut off; files that failed are tried "
            "again.",
            _WORK,
        ),
    ] = False
    done_list: Annotated[
        Path | None,
        _option(
            "A file that lists the digests of what is done: files in it are not worked on again, and "
            "results are added. "
            "Commit it where several people or machines optimise the same files. Default: none.",
            _WORK,
        ),
    ] = None
    json: Annotated[bool, _option("Print one JSON object when all is done.", _SHOWN)] = False
    ndjson: Annotated[bool, _option("Print a line of JSON for each file as soon as it is done.", _SHOWN)] = False
    summary: Annotated[
        Path | None,
        _option(
            "Append a table in Markdown to this file, for a pull request. Default: none.",
            _SHOWN,
        ),
    ] = None
    quiet: Annotated[bool, _option("Print nothing but errors.", _SHOWN)] = False

    def check(self, *, named: list[Path]) -> None:
        """End the program where options exclude each other."""
        if self.out is not None and self.in_place:
            fail("--out and --in-place exclude each other")
        if self.json and self.ndjson:
            fail("--json and --ndjson exclude each other")
        if not 0 <= self.min_savings < 100:
            fail("--min-savings must be from 0 to 99.9, in per cent")
        if self.jobs < 0:
            fail("--jobs must be 0 or more")
        if self.watch and (self.dry_run or self.resume):
            fail("--watch goes with neither --dry-run nor --resume")
        if self.name is not None:
            _check_template(self.name)
        if self.is_stream(named):
            self._check_stream(named)
        elif self.out is not None and self.out.exists() and not self.out.is_dir():
            fail("--out must be a folder, and this is a file", about=self.out)

    def is_stream(self, named: list[Path]) -> bool:
        """Whether one picture goes to standard output."""
        return str(self.out) == STREAM or any(str(path) == STREAM for path in named)

    def _check_stream(self, named: list[Path]) -> None:
        if len(named) != 1:
            fail("- takes one picture: name no other file with it, and one file only with --out -")
        if self.in_place or self.watch or self.resume or self.json or self.ndjson or self.dry_run:
            fail("a picture on standard output goes with none of --in-place, --watch, --resume, --json, --ndjson, "
                 "--dry-run")  # fmt: skip
        if str(self.out) != STREAM and self.out is not None:
            fail("a picture from standard input goes to standard output: leave --out away")


def _check_template(name: str) -> None:
    try:
        shown = name.format(stem="a", ext="png", source_ext="jpg", parent="b")
    except (KeyError, IndexError, ValueError, AttributeError):
        fail(f"--name {name!r} may have {{stem}}, {{ext}}, {{source_ext}} and {{parent}}, and nothing else in braces")
    if not shown or "/" in shown or "\0" in shown or shown in (".", ".."):
        fail(f"--name {name!r} must be the name of a file, without a folder", hint="folders are for --out")


def check_quality(quality: int) -> None:
    """End the program where a quality is none."""
    check_range(QUALITY, "--quality", quality)


def check_range(allowed: Range, option: str, value: float | None) -> None:
    """End the program where an option's number is none of those that are allowed."""
    try:
        allowed.check(option, value)
    except ValueError as error:
        fail(str(error))


def effort_of(*, most: bool, least: bool) -> int | None:
    """The recipe's effort for ``--max`` and ``--fast``; ``None`` is what pays."""
    if most and least:
        fail("--max and --fast exclude each other")
    return 9 if most else 1 if least else None


def size_of(text: str) -> int:
    """``500KB``, ``1.5MB`` or ``20000`` in bytes; 1 KB is 1024. Ends the program where it is no size."""
    import re

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(b|kb|kib|k|mb|mib|m)?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        fail(f"{text!r} is no size: write 500KB or 1.5MB")
    unit = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20}[(found[2] or "").lower()[:1]]
    return min(TARGET_BYTES.most, max(TARGET_BYTES.least, int(float(found[1]) * unit)))


NO_OPTIONS = Batch()

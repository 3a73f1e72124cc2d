"""``pixlean optimize``: files and folders, in the sandbox, originals never lost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe
    from pixlean.sandbox.pool import Pool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file's line in the summary."""

    file: str
    before_bytes: int
    after_bytes: int
    method: str
    seconds: float
    written: str | None = None
    error: str | None = None


def optimize(
    files: list[Path],
    /,
    *,
    quality: Annotated[int, Parameter(name=["--quality", "-q"])] = 80,
    out: Path | None = None,
    in_place: bool = False,
    keep_metadata: bool = False,
    progressive: bool = False,
    lossless: bool = False,
    json_output: Annotated[bool, Parameter(name="--json")] = False,
    jobs: Annotated[int, Parameter(name=["--jobs", "-j"])] = 0,
) -> None:
    """Make image files smaller.

    Folders are walked. Without --out or --in-place the result stands beside the original as NAME.min.EXT.
    The exit code is 1 if any file failed.

    Parameters
    ----------
    files: image files and folders
    quality: 1 (smallest) to 100
    out: folder for the results
    in_place: replace the originals, only ever by something smaller
    keep_metadata: keep EXIF, XMP and comments
    progressive: write progressive JPEGs
    lossless: never quantise PNGs
    json_output: print one JSON object instead of the table
    jobs: files at a time; 0 is one a core
    """
    from pixlean.domain.recipe import Recipe

    if not 1 <= quality <= 100:
        _fail("--quality must be from 1 to 100")
    if out is not None and in_place:
        _fail("--out and --in-place exclude each other")
    recipe = Recipe(
        quality=quality, strip_metadata=not keep_metadata, progressive_jpeg=progressive, png_lossy=not lossless
    )
    found, missing = _walk(files)
    if not found and not missing:
        _fail("no image files found")
    rows = [*missing, *asyncio.run(_all(found, recipe, out, in_place=in_place, jobs=jobs, quiet=json_output))]
    if json_output:
        print(json.dumps({"files": [asdict(row) for row in rows]}, indent=2))
    else:
        _show(rows)
    sys.exit(1 if any(row.error for row in rows) else 0)


def _fail(message: str) -> None:
    print(message, file=sys.stderr)
    sys.exit(2)


def _walk(files: list[Path]) -> tuple[list[tuple[Path, Path]], list[Row]]:
    """Every file as (path, path below the folder that was named), and a row for each that is not there."""
    from pixlean.domain.formats import FORMATS

    endings = {ending for row in FORMATS.values() for ending in row.extensions}
    found: list[tuple[Path, Path]] = []
    missing: list[Row] = []
    for named in files:
        if named.is_dir():
            inside = (path for path in sorted(named.rglob("*")) if path.is_file() and path.suffix.lower() in endings)
            found += [(path, path.relative_to(named)) for path in inside if ".min." not in path.name]
        elif named.is_file():
            found.append((named, Path(named.name)))
        else:
            missing.append(
                Row(file=str(named), before_bytes=0, after_bytes=0, method="", seconds=0, error="no such file")
            )
    return found, missing


async def _all(
    found: list[tuple[Path, Path]], recipe: Recipe, out: Path | None, *, in_place: bool, jobs: int, quiet: bool
) -> list[Row]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pixlean.sandbox.pool import Pool, Settings

    slots = jobs or os.cpu_count() or 1
    pool = Pool(Settings(slots=min(slots, max(1, len(found))), timeout_seconds=120))
    await pool.start()
    gate = asyncio.Semaphore(slots)
    bar = Progress(
        TextColumn("optimizing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), disable=quiet, transient=True,
    )  # fmt: skip
    try:
        with bar:
            task = bar.add_task("files", total=len(found))

            async def one(path: Path, below: Path) -> Row:
                async with gate:
                    row = await _one(pool, path, _target(path, below, out, in_place=in_place), recipe)
                bar.advance(task)
                return row

            return list(await asyncio.gather(*(one(path, below) for path, below in found)))
    finally:
        await pool.stop()


def _target(path: Path, below: Path, out: Path | None, *, in_place: bool) -> Path:
    if in_place:
        return path
    if out is not None:
        return out / below
    return path.with_name(f"{path.stem}.min{path.suffix}")


async def _one(pool: Pool, path: Path, target: Path, recipe: Recipe) -> Row:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.limits import Limits

    started = time.perf_counter()
    before = 0
    try:
        with path.open("rb") as given:
            before = os.fstat(given.fileno()).st_size
            work = await pool.compress(given.fileno(), recipe, Limits())
        written = _write(target, work.data) if target != path or work.method != "none" else None
    except (PixleanError, OSError, TimeoutError) as error:
        said = error.message if isinstance(error, PixleanError) else str(error) or type(error).__name__
        return Row(
            file=str(path), before_bytes=before, after_bytes=before, method="",
            seconds=time.perf_counter() - started, error=said,
        )  # fmt: skip
    return Row(
        file=str(path), before_bytes=before, after_bytes=len(work.data), method=work.method,
        seconds=round(time.perf_counter() - started, 3), written=written,
    )  # fmt: skip


def _write(target: Path, data: bytes) -> str:
    """Write beside, flush to disk, rename: at every moment there is a whole file under the name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(beside, target.stat().st_mode & 0o7777)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return str(target)


def _show(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "before", "after", "saved", "method", "seconds")
    for row in rows:
        if row.error:
            table.add_row(row.file, str(row.before_bytes), "", "", f"[red]{row.error}[/red]", f"{row.seconds:.2f}")
        else:
            table.add_row(
                row.file,
                f"{row.before_bytes:,}",
                f"{row.after_bytes:,}",
                _percent(row),
                row.method,
                f"{row.seconds:.2f}",
            )
    before, after = sum(row.before_bytes for row in rows), sum(row.after_bytes for row in rows)
    total = Row(file="", before_bytes=before, after_bytes=after, method="", seconds=0)
    table.add_section()
    table.add_row(f"{len(rows)} files", f"{before:,}", f"{after:,}", _percent(total), "", "")
    Console().print(table)


def _percent(row: Row) -> str:
    return f"{100 * (1 - row.after_bytes / row.before_bytes):.1f} %" if row.before_bytes else ""

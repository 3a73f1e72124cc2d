"""Many files: found, worked on side by side in the sandbox, written without ever losing an original."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from pixlean.cli.journal import Journal
    from pixlean.domain.formats import Format
    from pixlean.domain.recipe import Recipe
    from pixlean.sandbox.pool import Pool

_SECONDS_A_FILE = 120
_WATCH_SECONDS = 1.0
_MOST_SHOWN = 500


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
    score: float | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """Where results go and how the work is done and shown."""

    out: Path | None = None
    in_place: bool = False
    jobs: int = 0
    quiet: bool = False
    watch: bool = False
    resume: bool = False


def fail(message: str) -> NoReturn:
    """End with a message and exit code 2."""
    print(message, file=sys.stderr)
    sys.exit(2)


def size_of(text: str) -> int:
    """``500KB``, ``1.5MB`` or ``20000`` in bytes; 1 KB is 1024. Ends the program where it is no size."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(b|kb|kib|k|mb|mib|m)?\s*", text, re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        fail(f"{text!r} is no size: write 500KB or 1.5MB")
    return max(1, int(float(found[1]) * {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20}[(found[2] or "").lower()[:1]]))


def work_on(files: list[Path], recipe: Recipe, job: Job) -> NoReturn:
    """Do all files, show what came of them and end: exit code 1 if any failed. With ``watch``, go on for ever."""
    if job.out is not None and job.in_place:
        fail("--out and --in-place exclude each other")
    before = _state(files)
    found, missing = walk(files)
    if not found and not missing and not job.watch:
        fail("no image files found")
    journal = _journal(files, recipe, job)
    done = journal.begin(resume=job.resume)
    left = [entry for entry in found if entry[0] not in done]
    if job.resume and not job.quiet:
        print(f"{len(done)} of {len(found)} files are done already", file=sys.stderr)
    try:
        rows = [*missing, *done.values(), *asyncio.run(run_all(left, recipe, job, journal))]
    except KeyboardInterrupt:
        done = journal.begin(resume=True)
        print(f"interrupted: {len(done)} of {len(found)} files are done; --resume goes on from here", file=sys.stderr)
        sys.exit(130)
    if not any(row.error for row in rows):
        journal.end()
    if job.quiet:
        print(json.dumps({"files": [asdict(row) for row in rows]}, indent=2), flush=True)
    else:
        show(rows)
    if job.watch:
        _watch(files, recipe, job, before, {row.written for row in rows if row.written})
    sys.exit(1 if any(row.error for row in rows) else 0)


def _journal(files: list[Path], recipe: Recipe, job: Job) -> Journal:
    from pixlean.cli.journal import Journal, name_of
    from pixlean.config import SettingsError, load

    try:
        folder = Path(load().environment.PIXLEAN_DATA_DIR)
    except SettingsError as error:
        fail(str(error))
    named = sorted(str(path.resolve()) for path in files)
    return Journal(folder, name_of((named, recipe, job.out and job.out.resolve(), job.in_place)))


_State = dict[Path, tuple[int, int]]


def _state(files: list[Path]) -> _State:
    """When each file was changed, and its size."""
    seen: _State = {}
    for path, _ in walk(files)[0]:
        status = path.stat()
        seen[path] = (status.st_mtime_ns, status.st_size)
    return seen


def _watch(files: list[Path], recipe: Recipe, job: Job, known: _State, made: set[str]) -> NoReturn:
    """Work on what is new or changed and stands still, but for what was made here; until Ctrl-C."""
    try:
        while True:
            first = _state(files)
            time.sleep(_WATCH_SECONDS)
            now = _state(files)
            ready = {
                path for path, seen in now.items()
                if known.get(path) != seen == first.get(path) and str(path) not in made
            }  # fmt: skip
            if ready:
                rows = asyncio.run(run_all([entry for entry in walk(files)[0] if entry[0] in ready], recipe, job))
                made |= {row.written for row in rows if row.written}
                known = {**known, **{path: now[path] for path in ready}}
                show(rows)
    except KeyboardInterrupt:
        sys.exit(0)


def _expanded(files: list[Path]) -> list[Path]:
    """Patterns that the shell left alone become the files that they name."""
    found: list[Path] = []
    for named in files:
        text = str(named)
        if not named.exists() and any(sign in text for sign in "*?["):
            found += [Path(name) for name in sorted(glob.glob(text, recursive=True))] or [named]
        else:
            found.append(named)
    return found


def walk(files: list[Path]) -> tuple[list[tuple[Path, Path]], list[Row]]:
    """Every file as (path, path below the folder that was named), and a row for each that is not there."""
    from pixlean.domain.formats import FORMATS

    endings = {ending for row in FORMATS.values() if not row.only_read for ending in row.extensions}
    found: list[tuple[Path, Path]] = []
    missing: list[Row] = []
    for named in _expanded(files):
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


async def run_all(
    found: list[tuple[Path, Path]], recipe: Recipe, job: Job, journal: Journal | None = None
) -> list[Row]:
    """Work on every file, with a bar on stderr; a row for each, which the journal gets at once."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from pixlean.sandbox.pool import Pool, Settings

    slots = job.jobs or os.cpu_count() or 1
    pool = Pool(Settings(slots=min(slots, max(1, len(found))), timeout_seconds=_SECONDS_A_FILE))
    await pool.start()
    gate = asyncio.Semaphore(slots)
    bar = Progress(
        TextColumn("optimizing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), disable=job.quiet, transient=True,
    )  # fmt: skip
    try:
        with bar:
            task = bar.add_task("files", total=len(found))

            async def one(path: Path, below: Path) -> Row:
                async with gate:
                    row = await _one(pool, path, below, job, recipe)
                if journal is not None and len(found) > 1:
                    journal.add(path, row)
                bar.advance(task)
                return row

            return list(await asyncio.gather(*(one(path, below) for path, below in found)))
    finally:
        await pool.stop()


def _target(path: Path, below: Path, made: Format, job: Job) -> Path:
    """Where a result goes; a result of another format has its extension."""
    from pixlean.domain.formats import FORMATS

    same = path.suffix.lower() in FORMATS[made].extensions
    if job.in_place:
        return path if same else path.with_suffix(FORMATS[made].extensions[0])
    if job.out is not None:
        return job.out / (below if same else below.with_suffix(FORMATS[made].extensions[0]))
    return path.with_name(f"{path.stem}.min{path.suffix if same else FORMATS[made].extensions[0]}")


async def _one(pool: Pool, path: Path, below: Path, job: Job, recipe: Recipe) -> Row:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.limits import Limits

    started = time.perf_counter()
    before = 0
    try:
        with path.open("rb") as given:
            before = os.fstat(given.fileno()).st_size
            work = await pool.compress(given.fileno(), recipe, Limits())
        target = _target(path, below, work.format, job)
        written = _write(target, work.data) if target != path or work.method != "none" else None
    except (PixleanError, OSError, TimeoutError) as error:
        said = error.message if isinstance(error, PixleanError) else str(error) or type(error).__name__
        return Row(
            file=str(path), before_bytes=before, after_bytes=before, method="",
            seconds=time.perf_counter() - started, error=said,
        )  # fmt: skip
    missed = "over the target size" if work.target_met is False else None
    return Row(
        file=str(path), before_bytes=before, after_bytes=len(work.data), method=work.method,
        seconds=round(time.perf_counter() - started, 3), written=written, score=work.score, note=missed,
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


def show(rows: list[Row]) -> None:
    """The table of all files; of very many, the failed ones and the sum."""
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "before", "after", "saved", "method", "seconds")
    for row in rows:
        if len(rows) > _MOST_SHOWN and not row.error:
            continue
        if row.error:
            table.add_row(row.file, str(row.before_bytes), "", "", f"[red]{row.error}[/red]", f"{row.seconds:.2f}")
        else:
            table.add_row(
                row.file,
                f"{row.before_bytes:,}",
                f"{row.after_bytes:,}",
                _percent(row),
                row.method if row.note is None else f"{row.method} [yellow]({row.note})[/yellow]",
                f"{row.seconds:.2f}",
            )
    before, after = sum(row.before_bytes for row in rows), sum(row.after_bytes for row in rows)
    total = Row(file="", before_bytes=before, after_bytes=after, method="", seconds=0)
    table.add_section()
    failed = sum(1 for row in rows if row.error)
    said = f"[red]{failed} failed[/red]" if failed else ""
    table.add_row(f"{len(rows)} files", f"{before:,}", f"{after:,}", _percent(total), said, "")
    Console().print(table)


def _percent(row: Row) -> str:
    return f"{100 * (1 - row.after_bytes / row.before_bytes):.1f} %" if row.before_bytes else ""

"""The files of a run, side by side in the sandbox: each is compressed, and written as its pair of names says."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pixlean.cli.journal import Journal
from pixlean.cli.naming import Overwrite, Pair, target_of
from pixlean.cli.progress import progress
from pixlean.cli.rows import Row
from pixlean.cli.say import Exit, fail, why
from pixlean.cli.target import put, unwritable
from pixlean.cli.work import Work
from pixlean.cli.workshop import open_pool
from pixlean.cli.writing import Changed
from pixlean.domain.memory import read_all

if TYPE_CHECKING:
    from pixlean.domain.formats import Format
    from pixlean.sandbox.pool import Pool

_SECONDS_A_FILE = 120


async def run_all(pairs: list[Pair], work: Work, journal: Journal | None = None) -> list[Row]:
    """Work on every file; a row for each, which is shown, and kept in the journal, at once."""
    from pixlean.domain.errors import PixleanError

    slots = work.batch.jobs or os.cpu_count() or 1
    gate = asyncio.Semaphore(slots)
    if not pairs:
        return []
    try:
        async with open_pool(min(slots, len(pairs)), _SECONDS_A_FILE) as pool:
            with progress(len(pairs), on=work.output.style in ("table", "lines")) as bar:

                async def one(pair: Pair) -> Row:
                    async with gate:
                        bar.start(str(pair.source.path))
                        row = await _one(pool, pair, work)
                    if journal is not None and len(pairs) > 1 and not work.batch.dry_run:
                        journal.add(pair.source.path, row)
                    bar.end(row.before_bytes - row.after_bytes)
                    work.output.row(row)
                    return row

                return list(await asyncio.gather(*(one(pair) for pair in pairs)))
    except PixleanError as error:
        fail(error.message, hint="pixlean doctor says what is missing", code=Exit.FAILED)


async def _one(pool: Pool, pair: Pair, work: Work) -> Row:
    from pixlean.domain.errors import PixleanError

    started = time.perf_counter()
    row = Row(file=str(pair.source.path), before_bytes=0, after_bytes=0, method="", seconds=0)
    try:
        with pair.source.real.open("rb") as file:
            seen = os.fstat(file.fileno())
            row = replace(row, before_bytes=seen.st_size, after_bytes=seen.st_size)
            if work.batch.done_list is not None and work.done.has(file.read()):
                return replace(row, skipped="done already")
            if refused := unwritable(pair.targets[0]):
                return replace(row, error=refused)
            shown = await (_estimated if work.batch.dry_run else _written)(pool, file, seen, pair, row, work)
    except (PixleanError, OSError, TimeoutError, Changed) as error:
        return replace(row, seconds=_since(started), error=why(error))
    return replace(shown, seconds=_since(started))


async def _estimated(pool: Pool, file: BinaryIO, seen: os.stat_result, pair: Pair, row: Row, work: Work) -> Row:
    from pixlean.domain.limits import Limits

    forecast = await pool.estimate(file, work.recipe, Limits())
    size_bytes = seen.st_size if forecast is None else forecast.optimized_bytes
    names = " or ".join(str(target) for target in pair.targets)
    method = "" if forecast is None else str(forecast.strategy)
    return replace(row, after_bytes=size_bytes, method=method, written=names)


async def _written(pool: Pool, file: BinaryIO, seen: os.stat_result, pair: Pair, row: Row, work: Work) -> Row:
    from pixlean.domain.limits import Limits

    outcome = await pool.compress(file, work.recipe, Limits())
    source, batch, data = pair.source, work.batch, outcome.data
    saves = outcome.method != "none" and outcome.reduction_percent >= batch.min_savings
    if not saves and batch.min_savings:
        if batch.out is None:
            return _kept(pair, row, work, "saves too little")
        data = read_all(file.fileno())
        row = replace(row, method="none", note="saves too little")
        target = target_of(source, work.naming)
    else:
        report = outcome.report
        if not saves and batch.in_place and outcome.format == report.source_format:
            return _kept(pair, row, work, "nothing to save")
        target = _named(pair, outcome.format, report.source_format, work)
        missed = "over the target size" if report.target_met is False else None
        row = replace(
            row, after_bytes=report.size_bytes, method=outcome.method, score=outcome.score, note=missed
        )  # fmt: skip
    # A name that nobody planned is given only where it is free.
    naming = work.naming if target in pair.targets else replace(work.naming, overwrite=Overwrite.NEVER)
    if not put(
        target, data, source=source, seen=seen, naming=naming, made=work.made, keep_dates=batch.keep_dates
    ):  # fmt: skip
        return replace(row, note="the file that is there is smaller")
    in_place = batch.in_place and target == source.real
    if batch.done_list is not None:
        work.done.add(source.path, data if in_place else read_all(file.fileno()))
    return replace(row, written=str(source.path if in_place else target))


def _kept(pair: Pair, row: Row, work: Work, note: str) -> Row:
    """The original is as small as it gets."""
    if work.batch.done_list is not None:
        work.done.add(pair.source.path, pair.source.real.read_bytes())
    return replace(row, note=note)


def _named(pair: Pair, result: Format, original: Format, work: Work) -> Path:
    """The name of a result: its source's where the format stayed, whatever the name says of it."""
    from pixlean.domain.formats import FORMATS

    if result == original and not work.recipe.outputs:
        return target_of(pair.source, work.naming)
    return target_of(pair.source, work.naming, FORMATS[result].extensions)


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 3)

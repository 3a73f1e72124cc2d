"""Many files: planned, worked on, shown. What ``optimize``, ``convert`` and ``resize`` have in common."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pixlean.cli.journal import Journal, name_of
from pixlean.cli.made import state_folder
from pixlean.cli.options import Batch
from pixlean.cli.run import run_all
from pixlean.cli.say import Exit, complain, fail
from pixlean.cli.work import Work, aside, finish, found_of, plan_or_fail, prepare

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe


def work_on(files: list[Path], recipe: Recipe, batch: Batch) -> NoReturn:
    """Do all files, show what came of them and end with a code of ``Exit``. With ``watch``, go on for ever."""
    batch.check(named=files)
    if batch.is_stream(files):
        from pixlean.cli.stream import stream

        stream(files[0], recipe, quiet=batch.quiet, min_savings=batch.min_savings)
    work = prepare(recipe, batch)
    if batch.watch:
        from pixlean.cli.watch import watch

        watch(files, work)
    found = found_of(files, batch)
    if not found.sources and not found.missing and not found.skipped:
        fail("no pictures here", hint="name files, folders or patterns such as 'photos/*.png'")
    planned = plan_or_fail(found, work)
    journal = Journal(state_folder(), _name(files, work))
    done = {} if batch.dry_run else journal.begin(resume=batch.resume)
    left = [pair for pair in planned.pairs if pair.source.path not in done]
    if batch.resume and not batch.quiet:
        print(f"{len(done)} of {len(planned.pairs)} files are done already", file=sys.stderr)
    rows = [*aside(found, planned), *done.values()]
    for row in rows:
        work.output.row(row)
    try:
        rows += asyncio.run(run_all(left, work, journal))
    except KeyboardInterrupt:
        work.done.save()
        done = journal.begin(resume=True)
        complain(f"interrupted: {len(done)} of {len(planned.pairs)} files are done; --resume goes on from here")
        sys.exit(Exit.INTERRUPTED)
    finish(rows, work)
    failed = any(row.error for row in rows)
    if not failed and not batch.dry_run:
        journal.end()
    sys.exit(Exit.FAILED if failed else Exit.OK)


def _name(files: list[Path], work: Work) -> str:
    named, batch = sorted(str(path.resolve()) for path in files), work.batch
    out = batch.out and batch.out.resolve()
    return name_of((named, work.recipe, out, batch.in_place, batch.name, batch.overwrite, batch.min_savings))

"""``--watch``: new and changed files, once they stand still, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import NoReturn

from pixlean.cli.find import Files
from pixlean.cli.rows import Row
from pixlean.cli.run import run_all
from pixlean.cli.say import Exit
from pixlean.cli.work import Work, aside, finish, found_of, plan_or_fail

_WATCH_SECONDS = 1.0
_State = dict[Path, tuple[int, int]]


def watch(files: list[Path], work: Work) -> NoReturn:
    """Work on everything, then on what is new or changed, but for the results themselves."""
    known: _State = {}
    results: set[Path] = set()

    def turn(found: Files) -> None:
        planned = plan_or_fail(found, work)
        rows: list[Row] = aside(found, planned)
        for row in rows:
            work.output.row(row)
        rows += asyncio.run(run_all(list(planned.pairs), work))
        results.update(Path(row.written).resolve() for row in rows if row.written)
        finish(rows, work)

    try:
        found = found_of(files, work.batch)
        known = _state(found)
        turn(found)
        # In place, a result is a file that changed: it is known as it is now.
        known.update({path: seen for path, seen in _state(found).items() if path.resolve() in results})
        while True:
            first = _state(found_of(files, work.batch))
            time.sleep(_WATCH_SECONDS)
            found = found_of(files, work.batch)
            now = _state(found)
            ready = {path for path, seen in now.items() if known.get(path) != seen == first.get(path)}
            ready = {path for path in ready if work.batch.in_place or path.resolve() not in results}
            if ready:
                new = Files(sources=tuple(source for source in found.sources if source.path in ready))
                # A name that can't be given is said, and is no reason to leave the files that are still to come.
                with contextlib.suppress(SystemExit):
                    turn(new)
                known = {**known, **{path: now[path] for path in ready}}
                known.update({path: seen for path, seen in _state(new).items() if path.resolve() in results})
    except KeyboardInterrupt:
        sys.exit(Exit.OK)


def _state(found: Files) -> _State:
    """When each file was changed, and its size."""
    seen: _State = {}
    for source in found.sources:
        try:
            status = source.real.stat()
        except OSError:
            continue
        seen[source.path] = (status.st_mtime_ns, status.st_size)
    return seen

"""A run before and after its work: what it is told, the plan of its names, and how it ends."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pixlean.cli.donelist import DoneList
from pixlean.cli.find import Files, find
from pixlean.cli.made import Made, state_folder
from pixlean.cli.naming import OWN, Conflict, Names, Naming, plan
from pixlean.cli.options import Batch
from pixlean.cli.rows import Output, Row, append_summary, style_of
from pixlean.cli.say import Exit, complain, fail, shown, why
from pixlean.cli.target import look_with

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe

_MOST_LISTED = 50


@dataclass(frozen=True, kw_only=True)
class Work:
    """All that is the same for every file of a run."""

    recipe: Recipe
    batch: Batch
    naming: Naming
    made: Made
    done: DoneList
    output: Output


def prepare(recipe: Recipe, batch: Batch) -> Work:
    """All that a run is told."""
    return Work(
        recipe=recipe,
        batch=batch,
        naming=naming_of(recipe, batch),
        made=Made(state_folder()),
        done=DoneList(batch.done_list),
        output=Output(style_of(as_json=batch.json, ndjson=batch.ndjson, quiet=batch.quiet), dry_run=batch.dry_run),
    )


def naming_of(recipe: Recipe, batch: Batch) -> Naming:
    """How results of such a recipe are named."""
    from pixlean.domain.edits import NO_EDITS
    from pixlean.domain.formats import FORMATS

    new_pixels = recipe.edits != NO_EDITS or recipe.target_bytes is not None
    turns = {
        ending: FORMATS[row.becomes].extensions
        for row in FORMATS.values() if row.becomes is not None and new_pixels and not recipe.outputs
        for ending in row.extensions
    }  # fmt: skip
    return Naming(
        out=batch.out,
        in_place=batch.in_place,
        template=batch.name,
        overwrite=batch.overwrite,
        endings=tuple(FORMATS[each].extensions for each in recipe.outputs),
        keeps_format=not recipe.outputs or recipe.auto or batch.min_savings > 0,
        turns=turns,
    )


def found_of(files: list[Path], batch: Batch) -> Files:
    """The files that a run works on."""
    return find(files, exclude=batch.exclude, results=batch.out, in_place=batch.in_place)


def plan_or_fail(found: Files, work: Work) -> Names:
    """The names of all results; ends the program where one would cost a file."""
    if work.batch.out is not None and not work.batch.dry_run:
        # Where the folder of the results can't be made, that is known before any work as well.
        try:
            work.batch.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(why(error), about=work.batch.out)
    planned = plan(found.sources, work.naming, look_with(work.made))
    if not planned.conflicts:
        return planned
    count = len(planned.conflicts)
    complain(f"nothing was done: {count} result{'s' * (count != 1)} would cost a file")
    for conflict in planned.conflicts[:_MOST_LISTED]:
        print(f"  {shown(conflict.source.path)} -> {shown(conflict.target)}: {shown(conflict.why)}", file=sys.stderr)
    if count > _MOST_LISTED:
        print(f"  and {count - _MOST_LISTED} more", file=sys.stderr)
    print(f"hint: {_hint(planned.conflicts)}", file=sys.stderr)
    sys.exit(Exit.USAGE)


def _hint(conflicts: tuple[Conflict, ...]) -> str:
    if all(conflict.why == OWN for conflict in conflicts):
        return "--in-place replaces originals; --out names another folder"
    return (
        "--out names another folder, --name '{parent}-{stem}-{source_ext}.{ext}' other names; --overwrite never skips "
        "these files, smaller and always write over what is there"
    )


def aside(found: Files, planned: Names) -> list[Row]:
    """A row for each file that is not worked on."""
    empty = Row(file="", before_bytes=0, after_bytes=0, method="", seconds=0)
    return [
        *(replace(empty, file=str(each.path), error=each.why) for each in found.missing),
        *(replace(empty, file=str(each.path), skipped=each.why) for each in found.skipped),
        *(
            replace(empty, file=str(each.source.path), skipped=f"{each.target} {each.why}")
            for each in planned.skipped
        ),
    ]  # fmt: skip


def finish(rows: list[Row], work: Work) -> None:
    """Show everything, and keep what is to be kept."""
    if not work.batch.dry_run:
        work.done.save()
    work.output.end(rows)
    if work.batch.summary is not None:
        try:
            append_summary(work.batch.summary, rows)
        except OSError as error:
            fail(why(error), about=work.batch.summary, code=Exit.FAILED)

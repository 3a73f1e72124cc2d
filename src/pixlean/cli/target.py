"""The plan meets the disk: what stands under a name, and how a result gets it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pixlean.cli import writing
from pixlean.cli.made import Made
from pixlean.cli.naming import Kind, Naming, Original, Overwrite, Standing
from pixlean.cli.writing import Changed, Stamp


def look_with(made: Made) -> Look:
    """What ``plan`` asks of the disk."""
    return Look(made)


@dataclass(frozen=True)
class Look:
    """Says what stands under a name; ``made`` knows the results of earlier runs."""

    made: Made

    def __call__(self, target: Path) -> Standing:
        """What stands there, with the links of the folders on the way followed."""
        place = Path(os.path.realpath(target.parent)) / target.name
        nearest = next(folder for folder in place.parents if os.path.lexists(folder))
        if not nearest.is_dir():
            return Standing(place=place, kind=Kind.BLOCKED)
        try:
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(place)
        except FileNotFoundError:
            # A link to nothing is a file that somebody put there.
            return Standing(place=place, kind=Kind.FILE if os.path.lexists(place) else Kind.NOTHING)
        except OSError:
            return Standing(place=place, kind=Kind.BLOCKED)
        kind = Kind.FOLDER if stat.S_ISDIR(status.st_mode) else Kind.FILE
        identity = (status.st_dev, status.st_ino)
        made_from = self.made.source_of(place) if kind is Kind.FILE and not place.is_symlink() else None
        return Standing(place=place, kind=kind, identity=identity, made_from=made_from)


def unwritable(target: Path) -> str:
    """Why a file can't be written there, as far as that can be told before; empty where it can."""
    folder = next((folder for folder in target.parents if folder.exists()), Path("/"))
    if not folder.is_dir():
        return f"{folder} is no folder"
    return "" if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} can't be written to"


def put(
    target: Path, data: bytes, *, source: Original, seen: os.stat_result, naming: Naming, made: Made, keep_dates: bool
) -> bool:
    """Write a result under its name; false where a smaller file keeps it. Raises ``Changed``, ``OSError``.

    ``seen`` is the original as it was when it was read: in place, it is replaced only if it still is that.
    """
    place = Path(os.path.realpath(target.parent)) / target.name
    if naming.in_place and place == source.real:
        if not os.access(place, os.W_OK):
            raise PermissionError(13, "write-protected")
        writing.replace(place, data, Stamp.of(seen), seen, keep_dates=keep_dates)
        return True
    for _ in range(10):
        try:
            writing.create(place, data, seen, keep_dates=keep_dates)
            break
        except FileExistsError:
            standing = os.lstat(place)
            if not stat.S_ISREG(standing.st_mode) and naming.overwrite is not Overwrite.ALWAYS:
                raise
            if not _may_replace(place, standing, data, source=source, naming=naming, made=made):
                if naming.overwrite is Overwrite.SMALLER:
                    return False
                raise
            try:
                writing.replace(place, data, Stamp.of(standing), seen, keep_dates=keep_dates)
                break
            except Changed:
                continue
    else:
        raise Changed
    made.note(place, source.real, data)
    return True


def _may_replace(
    place: Path, standing: os.stat_result, data: bytes, *, source: Original, naming: Naming, made: Made
) -> bool:
    if stat.S_ISDIR(standing.st_mode):
        return False
    # Whatever the options: a result never takes the name of its own original by accident.
    if (standing.st_dev, standing.st_ino) == source.identity:
        return False
    if naming.overwrite is Overwrite.NEVER:
        return False
    if naming.overwrite is Overwrite.ALWAYS or made.source_of(place) == source.real:
        return True
    return naming.overwrite is Overwrite.SMALLER and len(data) < standing.st_size

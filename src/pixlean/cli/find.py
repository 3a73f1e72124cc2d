"""Which files a command works on: folders walked, patterns expanded, every file once."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from pixlean.cli.naming import Original

_PATTERN_SIGNS = "*?["


@dataclass(frozen=True, kw_only=True)
class Aside:
    """A file that is not worked on, and why."""

    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Files:
    """The files to work on, those that are left alone for a reason worth saying, and those that are not there."""

    sources: tuple[Original, ...] = ()
    skipped: tuple[Aside, ...] = ()
    missing: tuple[Aside, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Met:
    """A file as it was met: by its name, or ``walked`` below a folder or a pattern."""

    path: Path
    below: Path
    walked: bool


def find(
    named: list[Path], *, exclude: tuple[str, ...] = (), results: Path | None = None, in_place: bool = False
) -> Files:
    """Every file that the names, folders and patterns mean.

    ``results`` is the folder of the results: what lies in it is no source. A link that was named is followed; one met
    in a folder is followed where that changes nothing behind it, so not ``in_place``. No file is worked on twice,
    however many names lead to it, and no ``NAME.min.EXT`` beside its ``NAME.*``.
    """
    skipped: list[Aside] = []
    missing: list[Aside] = []
    met: list[_Met] = []
    inside = os.path.realpath(results) if results is not None else None
    for path in named:
        for each in _meant(path, skipped, missing):
            if each.walked and inside and _is_below(os.path.realpath(each.path), inside):
                continue
            if not any(_matches(each, pattern) for pattern in exclude):
                met.append(each)
    stems = {(each.path.parent, each.path.stem) for each in met}
    known: dict[object, Path] = {}
    sources: list[Original] = []
    # Real files before links to them: the file that is worked on is the one that has its own name.
    for each in sorted(met, key=lambda each: each.path.is_symlink()):
        stem = each.path.stem
        if stem.endswith(".min") and (each.path.parent, stem[:-4]) in stems:
            skipped.append(Aside(path=each.path, why="a result that stands beside its original"))
            continue
        source = _source(each, skipped, missing, in_place=in_place)
        if source is None:
            continue
        first = known.setdefault(source.key, each.path)
        if first is not each.path:
            if os.fspath(first) != os.fspath(each.path):
                skipped.append(Aside(path=each.path, why=f"the same file as {first}"))
            continue
        sources.append(source)
    order = {id(each): number for number, each in enumerate(met)}
    place = {each.path: order[id(each)] for each in reversed(met)}
    return Files(
        sources=tuple(sorted(sources, key=lambda source: place[source.path])),
        skipped=tuple(skipped),
        missing=tuple(missing),
    )


def _source(each: _Met, skipped: list[Aside], missing: list[Aside], *, in_place: bool) -> Original | None:
    linked = each.path.is_symlink()
    try:
        real = Path(os.path.realpath(each.path, strict=True))
        status = os.stat(real)
    except OSError:
        if each.walked:
            skipped.append(Aside(path=each.path, why="a link to nothing"))
        else:
            missing.append(Aside(path=each.path, why="a link to nothing" if linked else "no such file"))
        return None
    if not stat.S_ISREG(status.st_mode):
        (skipped if each.walked else missing).append(Aside(path=each.path, why="no file"))
        return None
    if linked and each.walked and in_place:
        skipped.append(Aside(path=each.path, why="a link, and --in-place changes files of this folder only"))
        return None
    # A file with several hard links has as many names, each with a result of its own; one name is one file even where
    # upper and lower case mean the same.
    key = real if status.st_nlink > 1 else (status.st_dev, status.st_ino)
    return Original(path=each.path, real=real, below=each.below, identity=(status.st_dev, status.st_ino), key=key)


def _meant(named: Path, skipped: list[Aside], missing: list[Aside]) -> Iterator[_Met]:
    text = str(named)
    if not os.path.lexists(named) and any(sign in text for sign in _PATTERN_SIGNS):
        names = sorted(glob.glob(text, recursive=True))
        if not names:
            missing.append(Aside(path=named, why="no file has such a name"))
        for name in names:
            if not Path(name).is_dir():
                yield _Met(path=Path(name), below=Path(Path(name).name), walked=True)
    elif named.is_dir():
        yield from _walked(named, skipped)
    else:
        yield _Met(path=named, below=Path(named.name), walked=False)


def _walked(folder: Path, skipped: list[Aside]) -> Iterator[_Met]:
    endings = picture_endings()

    def note(error: OSError) -> None:
        from pixlean.cli.say import why

        skipped.append(Aside(path=Path(error.filename or folder), why=why(error)))

    for place, folders, files in os.walk(folder, onerror=note):
        for name in sorted(folders):
            if (Path(place) / name).is_symlink():
                skipped.append(Aside(path=Path(place) / name, why="a link to a folder"))
        folders.sort()
        for name in sorted(files):
            path = Path(place) / name
            if path.suffix.lower() in endings:
                yield _Met(path=path, below=path.relative_to(folder), walked=True)


def picture_endings() -> frozenset[str]:
    """The endings of files that are looked at in folders."""
    from pixlean.domain.formats import FORMATS

    return frozenset(ending for row in FORMATS.values() if not row.only_read for ending in row.extensions)


def _matches(each: _Met, pattern: str) -> bool:
    """Whether a pattern means a file: by its name, by its path below the folder, or by a folder on the way."""
    below = each.below.as_posix()
    return (
        fnmatch(each.path.name, pattern)
        or fnmatch(below, pattern)
        or fnmatch(each.path.as_posix(), pattern)
        or any(fnmatch(part, pattern.rstrip("/")) for part in each.below.parts[:-1])
    )


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)

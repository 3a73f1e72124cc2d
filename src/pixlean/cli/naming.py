"""Which file each result is written to, decided for all of them before any work: nothing here touches a disk.

``plan`` is a function of the sources, the wishes and what ``look`` says of a name. Where the format of a result is
known only once it exists (``--format auto``), every name that it may get is planned.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Overwrite(StrEnum):
    """What becomes of a file that has the name of a result: it stays, the smaller one stays, the result replaces it."""

    NEVER = "never"
    SMALLER = "smaller"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file to work on: ``path`` as it was named, ``below`` within the folder that was named, ``real`` behind links.

    ``identity`` is the same for all names of one file, ``key`` for all names that are worked on together.
    """

    path: Path
    real: Path
    below: Path
    identity: Hashable
    key: Hashable


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Where results go. ``endings`` are the formats that a result may have, each by its file endings.

    With ``keeps_format`` a result may have its source's format, and then its source's name; ``turns`` are the endings
    of formats that are written as another one. ``template`` may have ``{stem}``, ``{ext}`` (the result's),
    ``{source_ext}`` and ``{parent}`` (the name of the original's folder).
    """

    out: Path | None = None
    in_place: bool = False
    template: str | None = None
    overwrite: Overwrite | None = None
    endings: tuple[tuple[str, ...], ...] = ()
    keeps_format: bool = True
    turns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Kind(StrEnum):
    """What stands under a name."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What ``look`` says of a name: ``made_from`` is the source where it is a result that nobody has touched since.

    ``place`` is the name with the links of its folder followed: two spellings of one place are equal. BLOCKED is a
    name in something that is no folder.
    """

    place: Path
    kind: Kind = Kind.NOTHING
    identity: Hashable = None
    made_from: Path | None = None


Look = Callable[[Path], Standing]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A source and the names that its result may get, one for each format (one only where the format stays)."""

    source: Original
    targets: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A source whose result would cost a file."""

    source: Original
    target: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Names:
    """What will be written where, or why nothing is: with ``conflicts`` no pair may be worked on."""

    pairs: tuple[Pair, ...] = ()
    skipped: tuple[Conflict, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def target_of(source: Original, naming: Naming, endings: tuple[str, ...] = ()) -> Path:
    """The name of a result with one of these endings; without endings, with that of its source."""
    path = source.real if naming.in_place else source.path
    keeps = not endings or path.suffix.lower() in endings
    ending = path.suffix if keeps else endings[0]
    if naming.template is not None:
        name = naming.template.format(
            stem=path.stem, ext=ending[1:], source_ext=path.suffix[1:], parent=source.real.parent.name
        )
    elif naming.in_place or naming.out is not None:
        name = path.stem + ending
    else:
        name = f"{path.stem}.min{ending}"
    if naming.out is not None:
        return naming.out / source.below.parent / name
    return path.parent / name


def targets_of(source: Original, naming: Naming) -> tuple[Path, ...]:
    """Every name that the source's result may get."""
    names = [target_of(source, naming)] if naming.keeps_format else []
    endings = (*naming.endings, *filter(None, (naming.turns.get(source.path.suffix.lower()),)))
    names += [target_of(source, naming, each) for each in endings]
    return tuple(dict.fromkeys(names))


def plan(sources: tuple[Original, ...], naming: Naming, look: Look) -> Names:
    """The names of all results, with every name that can't be given without losing a file."""
    pairs: list[Pair] = []
    skipped: list[Conflict] = []
    conflicts: list[Conflict] = []
    originals = {source.identity: source for source in sources}
    wanted = [(source, tuple((target, look(target)) for target in targets_of(source, naming))) for source in sources]
    clashes = _clashes(wanted, naming.overwrite)
    for source, targets in wanted:
        obstacles = (
            Conflict(source=source, target=target, why=reason)
            for target, standing in targets
            if (reason := _obstacle(source, standing, naming, originals))
        )
        found = next(obstacles, None) or clashes.get(source.path)
        if found is None:
            pairs.append(Pair(source=source, targets=tuple(target for target, _ in targets)))
        elif naming.overwrite is Overwrite.NEVER or found.why == _LATER:
            skipped.append(found)
        else:
            conflicts.append(found)
    return Names(pairs=tuple(pairs), skipped=tuple(skipped), conflicts=tuple(conflicts))


OWN = "is the original itself"
_LATER = "a later file of this run gets this name"
_Wanted = list[tuple[Original, tuple[tuple[Path, Standing], ...]]]


def _obstacle(source: Original, standing: Standing, naming: Naming, originals: dict[Hashable, Original]) -> str:
    """Why a name can't be given whatever the other results are called; empty where it can."""
    if naming.in_place and standing.place == source.real:
        return ""
    if standing.kind is Kind.NOTHING:
        return ""
    if standing.kind is Kind.FOLDER:
        return "is a folder"
    if standing.kind is Kind.BLOCKED:
        return "would lie in something that is no folder"
    original = originals.get(standing.identity)
    if original is not None:
        return OWN if original is source else f"is an original of this run ({original.path})"
    if standing.made_from == source.real and naming.overwrite is not Overwrite.NEVER:
        return ""
    if naming.overwrite in (Overwrite.SMALLER, Overwrite.ALWAYS):
        return ""
    return "exists, and was not made from this file"


def _clashes(wanted: _Wanted, overwrite: Overwrite | None) -> dict[Path, Conflict]:
    """Results of this run that want one name, or names that are one on systems that ignore case or accents' coding."""
    clashes: dict[Path, Conflict] = {}
    owners: dict[str, tuple[Original, Path, Path]] = {}
    folders: dict[str, Original] = {}
    for source, targets in wanted:
        for _, standing in targets:
            for folder in standing.place.parents:
                folders.setdefault(folded(folder), source)
    for source, targets in wanted:
        for target, standing in targets:
            name = folded(standing.place)
            holder = folders.get(name)
            if holder is not None:
                clashes[source.path] = Conflict(
                    source=source, target=target, why=f"is the folder of the result of {holder.path}"
                )
            owner, place, owned = owners.setdefault(name, (source, standing.place, target))
            if owner is source or _proven_apart(source, standing.place, owner, place):
                continue
            same = standing.place == place
            if same and overwrite is Overwrite.SMALLER:
                continue
            if same and overwrite is Overwrite.ALWAYS:
                clashes[owner.path] = Conflict(source=owner, target=owned, why=_LATER)
                owners[name] = (source, standing.place, target)
                continue
            reason = (
                f"is the name for {owner.path} too" if same else f"differs from the name for {owner.path} too little"
            )
            clashes.setdefault(source.path, Conflict(source=source, target=target, why=reason))
            if overwrite is None:
                reason = reason.replace(str(owner.path), str(source.path))
                clashes.setdefault(owner.path, Conflict(source=owner, target=owned, why=reason))
    return clashes


def _proven_apart(one: Original, place: Path, other: Original, other_place: Path) -> bool:
    """Whether the folder of both results has two originals whose names differ as little: it can tell them apart."""
    return (
        place != other_place
        and place.parent == other_place.parent == one.real.parent == other.real.parent
        and one.real.name != other.real.name
        and folded(one.real) == folded(other.real)
    )


def folded(path: Path) -> str:
    """A path as file systems see it that ignore case and how accents are coded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())

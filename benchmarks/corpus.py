"""Which pictures are measured: a folder of groups, or a made-up corpus where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixlean.domain.formats import FORMATS as ROWS
from pixlean.domain.formats import still_of

PRESETS: dict[str, dict[str, object]] = {
    # Pare's presets (its results table, and the options of its estimates).
    "high": {"quality": 40},
    "medium": {"quality": 60},
    "low": {"quality": 75, "png_lossy": False},
}
FORMATS = tuple(str(name) for name, row in ROWS.items() if not row.only_read)
DATA = Path(".benchmark-data")
# The first format with an ending has it: an ".avifs" is a moving AVIF.
_ENDINGS = {".avifs": "avif"} | {
    ending: str(still_of(name)) for name, row in ROWS.items() if not row.only_read for ending in row.extensions
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture at one preset."""

    path: str
    group: str
    format: str
    preset: str

    @property
    def name(self) -> str:
        """How the case is called in reports: the same for the same file wherever the corpus lies."""
        return f"{self.group}/{Path(self.path).name} {self.preset}"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A folder of groups; ``synthetic`` where it was made up."""

    folder: Path
    synthetic: bool = False

    def groups(self) -> dict[str, dict[str, int]]:
        """The number of files by group and format."""
        found: dict[str, dict[str, int]] = {}
        for path, group, kind in self._files():
            del path
            found.setdefault(group, {}).setdefault(kind, 0)
            found[group][kind] += 1
        return found

    def cases(
        self, formats: tuple[str, ...] = (), presets: tuple[str, ...] = (), groups: tuple[str, ...] = ()
    ) -> tuple[Case, ...]:
        """Every file at every preset, of what is wanted; nothing named is everything."""
        return tuple(
            Case(path=str(path), group=group, format=kind, preset=preset)
            for path, group, kind in self._files()
            if (not formats or kind in formats) and (not groups or group in groups)
            for preset in PRESETS
            if not presets or preset in presets
        )

    def _files(self) -> list[tuple[Path, str, str]]:
        found = []
        for path in sorted(self.folder.rglob("*")):
            kind = _ENDINGS.get(path.suffix.lower())
            if path.is_file() and kind is not None:
                below = path.relative_to(self.folder).parts
                found.append((path, below[0] if len(below) > 1 else "files", _told(path, kind)))
        return found


def _told(path: Path, kind: str) -> str:
    """A PNG's own bytes tell whether it moves."""
    if kind != "png":
        return kind
    with path.open("rb") as file:
        return "apng" if b"acTL" in file.read(4096) else "png"


def open_corpus(folder: Path | None) -> Corpus:
    """The folder that was named, else the downloaded corpus, else one that is made here."""
    if folder is not None:
        return Corpus(folder=folder)
    if (DATA / "corpus").is_dir() and any((DATA / "corpus").iterdir()):
        return Corpus(folder=DATA / "corpus")
    from benchmarks.synthetic import make_corpus

    return Corpus(folder=make_corpus(DATA / "synthetic"), synthetic=True)

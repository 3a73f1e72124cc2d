"""Which results were made from which originals: a name that is taken by such a result may be written again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from pathlib import Path


def state_folder() -> Path:
    """Where the command line remembers batches and results: ``PIXLEAN_DATA_DIR``, else the user's state folder."""
    named = os.environ.get("PIXLEAN_DATA_DIR", "")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME", "") or str(Path("~/.local/state").expanduser())
    return Path(base) / "pixlean"


def digest(data: bytes) -> str:
    """What two files have in common only where they are equal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Made:
    """The results of earlier runs. Where they can't be kept, each run takes what it meets for somebody else's."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "results.sqlite"

    def source_of(self, target: Path) -> Path | None:
        """The original of a result, where the file still is that result."""
        if not self._path.exists():
            return None
        with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(self._open()) as database:
            row = database.execute(
                "SELECT source, digest FROM made WHERE target = ?", (os.fsencode(target),)
            ).fetchone()
            if row is not None and digest(target.read_bytes()) == row[1]:
                return Path(os.fsdecode(row[0]))
        return None

    def note(self, target: Path, source: Path, data: bytes) -> None:
        """Remember a result that was written."""
        with contextlib.suppress(sqlite3.Error, OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(self._open()) as database, database:
                database.execute(
                    "INSERT OR REPLACE INTO made VALUES (?, ?, ?)",
                    (os.fsencode(target), os.fsencode(source), digest(data)),
                )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=5)
        # What a crash takes from here costs a question, not a picture.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("CREATE TABLE IF NOT EXISTS made (target BLOB PRIMARY KEY, source BLOB, digest TEXT)")
        return database

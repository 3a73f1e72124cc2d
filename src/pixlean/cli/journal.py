"""What a batch has done so far, on disk: after Ctrl-C or a crash, ``--resume`` goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from pixlean.cli.rows import Row


class Journal:
    """One line a file, each written at once; a line that a crash cut is as if it had not been."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / "batches" / f"{name}.jsonl"

    def begin(self, *, resume: bool) -> dict[Path, Row]:
        """The files that are done: none of them, and an empty journal, unless the batch is resumed.

        A file counts as done where it did not fail, and is still as it was when it was done.
        """
        if not resume:
            self.end()
            return {}
        done: dict[Path, Row] = {}
        for line in self._path.read_text("utf-8").splitlines() if self._path.exists() else ():
            try:
                entry = json.loads(line)
                path, row = Path(entry["path"]), Row(**entry["row"])
                if row.error is None and entry["state"] == list(_state(path)):
                    done[path] = row
            except (ValueError, TypeError, KeyError, OSError):
                continue
        return done

    def add(self, path: Path, row: Row) -> None:
        """Remember a file that was worked on; where that can't be kept, it will be worked on again."""
        with contextlib.suppress(OSError):
            line = json.dumps({"path": str(path), "state": list(_state(path)), "row": asdict(row)}) + "\n"
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)

    def end(self) -> None:
        """Nothing is left to be resumed."""
        with contextlib.suppress(OSError):
            self._path.unlink()


def _state(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size


def name_of(parts: Iterable[object]) -> str:
    """A batch's name: the same for the same files, recipe and target."""
    return hashlib.blake2b(repr(tuple(parts)).encode(), digest_size=12).hexdigest()

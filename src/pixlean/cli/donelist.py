"""A list of what is done that is kept with the pictures: no file in it is compressed a second time, by anybody."""

from __future__ import annotations

import os
from pathlib import Path

from pixlean.cli.made import digest
from pixlean.cli.say import fail, why

_HEAD = "# Written by pixlean --done-list: digest and name of every picture that needs no more work.\n"


class DoneList:
    """Digests by name, one a line and in order, so that two branches merge."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._names: dict[str, str] = {}
        if path is not None and path.exists():
            try:
                lines = path.read_text("utf-8", "surrogateescape").splitlines()
            except OSError as error:
                fail(why(error), about=path)
            for line in lines:
                key, _, name = line.partition("  ")
                if name and not line.startswith("#"):
                    self._names[name] = key
        self._digests = set(self._names.values())

    def has(self, data: bytes) -> bool:
        """Whether these very bytes are done, whatever they are called now."""
        return bool(self._digests) and digest(data) in self._digests

    def add(self, path: Path, data: bytes) -> None:
        """This file needs no more work."""
        if self._path is not None:
            key = digest(data)
            self._names[os.path.relpath(path, self._path.parent)] = key
            self._digests.add(key)

    def save(self) -> None:
        """Write the list, without files that are gone."""
        if self._path is None:
            return
        folder = self._path.parent
        there = {name: key for name, key in self._names.items() if (folder / name).exists()}
        text = _HEAD + "".join(f"{key}  {name}\n" for name, key in sorted(there.items()))
        try:
            if self._path.exists() and self._path.read_text("utf-8", "surrogateescape") == text:
                return
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f".{self._path.name}.pixlean"
            beside.write_text(text, "utf-8", "surrogateescape")
            beside.replace(self._path)
        except OSError as error:
            fail(why(error), about=self._path, code=1)

"""Results on disk, so that the same bytes are not compressed twice: capped by size, the least used go first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

_HEAD = struct.Struct(">I32s")  # length of the notes, and the digest of all that follows
_SUFFIX = ".result"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A result, and the notes that were kept with it."""

    notes: bytes
    data: bytes


class ResultCache:
    """A folder of results. Blocking: call it in a thread. A file that was cut or changed counts as not there."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in sorted(folder.glob(f"*/*{_SUFFIX}"), key=lambda path: path.stat().st_mtime):
            self._count(path.stem, path.stat().st_size)
        for path in folder.glob("*/*.tmp"):
            path.unlink(missing_ok=True)
        self._shrink()

    @property
    def total_bytes(self) -> int:
        """What the folder holds."""
        return self._total

    def get(self, key: str) -> Entry | None:
        """The entry of a key, or ``None``."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            self._forget(key)
            return None
        if len(content) < _HEAD.size:
            return None
        length, digest = _HEAD.unpack_from(content)
        if digest != _digest(memoryview(content)[_HEAD.size :]):
            return None
        if key in self._sizes:
            self._sizes.move_to_end(key)
        return Entry(notes=content[_HEAD.size : _HEAD.size + length], data=content[_HEAD.size + length :])

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry; a disk that can't take it is no error of the request."""
        size = _HEAD.size + len(entry.notes) + len(entry.data)
        if size > self._most_bytes // 4:
            return
        path = self._path(key)
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            with beside.open("wb") as file:
                file.write(_HEAD.pack(len(entry.notes), _digest(entry.notes + entry.data)))
                file.write(entry.notes)
                file.write(entry.data)
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            return
        self._count(key, size)
        self._shrink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"

    def _count(self, key: str, size: int) -> None:
        self._forget(key)
        self._sizes[key] = size
        self._total += size

    def _forget(self, key: str) -> None:
        self._total -= self._sizes.pop(key, 0)

    def _shrink(self) -> None:
        while self._total > self._most_bytes and self._sizes:
            oldest = next(iter(self._sizes))
            self._forget(oldest)
            self._path(oldest).unlink(missing_ok=True)


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=32).digest()

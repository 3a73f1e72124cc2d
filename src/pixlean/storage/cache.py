"""Results on disk, so that the same bytes are not compressed twice: capped by size, the least used go first."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_HEAD = struct.Struct(">I32s")  # length of the notes, and the digest of all that follows
_SUFFIX = ".result"
# What is over the cap goes together with a little more: the folder is not looked through for every result.
_GOAL_SHARE = 0.9
# A file that nobody finished writing for so long is nobody's.
_UNFINISHED_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A result, and the notes that were kept with it."""

    notes: bytes
    data: bytes


class Total(Protocol):
    """Who counts what a folder or store holds: this process, or the board of several (``share.supply``)."""

    @property
    def value(self) -> int:
        """Bytes."""

    def add(self, size: int) -> None:
        """Count what was put in, or with less than zero what was taken away."""

    def correct(self, size: int) -> None:
        """Say what a look at all of it showed."""


class OwnTotal:
    """``Total`` of the only process."""

    def __init__(self) -> None:
        self.value = 0
        self._threads = threading.Lock()

    def add(self, size: int) -> None:
        """Count what was put in, or with less than zero what was taken away."""
        with self._threads:
            self.value += size

    def correct(self, size: int) -> None:
        """Say what a look at the folder showed."""
        self.value = size


class ResultCache:
    """A folder of results, of any number of processes. Blocking: call it in a thread.

    A file that was cut or changed counts as not there. When a result was last used is its file's time, so that all
    processes know it.
    """

    def __init__(self, folder: Path, most_bytes: int, total: Total | None = None) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._total = total or OwnTotal()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._total.correct(sum(size for _, size, _ in self._files()))
        old = time.time() - _UNFINISHED_SECONDS
        for path in folder.glob("*/*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()
        self._shrink()

    @property
    def total_bytes(self) -> int:
        """What the folder holds."""
        return self._total.value

    def get(self, key: str) -> Entry | None:
        """The entry of a key, or ``None``."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            _touch(path)
        except OSError:
            return None
        if len(content) < _HEAD.size:
            return None
        length, digest = _HEAD.unpack_from(content)
        if digest != _digest(memoryview(content)[_HEAD.size :]):
            return None
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
            _touch(beside)
            before = _size(path)
            beside.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            return
        self._total.add(size - before)
        self._shrink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}{_SUFFIX}"

    def _shrink(self) -> None:
        """Delete the least used where there is too much; one process at a time, the others find it done."""
        if self._total.value <= self._most_bytes:
            return
        with self._sweeping():
            if self._total.value <= self._most_bytes:
                return
            counted = self._total.value
            files = sorted(self._files())
            left = sum(size for _, size, _ in files)
            for _, size, path in files:
                if left <= _GOAL_SHARE * self._most_bytes:
                    break
                with contextlib.suppress(OSError):
                    Path(path).unlink(missing_ok=True)
                    left -= size
            # What others put in meanwhile stays counted, twice at worst until the next look: never too little.
            self._total.add(left - counted)

    @contextlib.contextmanager
    def _sweeping(self) -> Iterator[None]:
        # An open file of one's own: such a lock holds among threads as well as among processes.
        lock = os.open(self._folder / "sweep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _files(self) -> Iterator[tuple[int, int, str]]:
        """When each result was last used, its size and its path."""
        for place in os.scandir(self._folder):
            if not place.is_dir():
                continue
            for file in os.scandir(place):
                if file.name.endswith(_SUFFIX):
                    with contextlib.suppress(FileNotFoundError):
                        facts = file.stat()
                        yield facts.st_mtime_ns, facts.st_size, file.path


def _touch(path: Path) -> None:
    """Used now: by a finer clock than the file system's own."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=32).digest()

"""Files in memory: how a picture gets from a request to a child and back without a name on any disk."""

from __future__ import annotations

import os
import tempfile
from types import TracebackType
from typing import Protocol

from pixlean.domain.budget import Hold


class OpenFile(Protocol):
    """What is open under a descriptor: a ``MemoryFile``, or a file of the disk."""

    def fileno(self) -> int:
        """The descriptor."""


class MemoryFile:
    """A nameless file in memory that owns its ``descriptor``; use it as a context manager, which closes it.

    ``hold`` is what it may take of a budget of bytes; where that is spent, what writes raises ``Unavailable``.
    """

    def __init__(self, name: str, hold: Hold | None = None) -> None:
        self._hold = hold
        self.descriptor = _opened(name)

    def __enter__(self) -> MemoryFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """How much was written."""
        return os.fstat(self.descriptor).st_size

    def fileno(self) -> int:
        """The descriptor, for those who take any open file."""
        return self.descriptor

    def read_all(self) -> bytes:
        """Everything."""
        return read_all(self.descriptor)

    def read_head(self, most_bytes: int) -> bytes:
        """The first bytes, at most so many."""
        return read_head(self.descriptor, most_bytes)

    def expect(self, size_bytes: int) -> None:
        """Take room for so many bytes before they come."""
        if self._hold is not None:
            self._hold.reach(size_bytes)

    def write_all(self, data: bytes) -> None:
        """Write from the start."""
        self.expect(len(data))
        write_all(self.descriptor, data)

    def append(self, data: bytes) -> None:
        """Write at the end."""
        size_bytes = self.size_bytes
        self.expect(size_bytes + len(data))
        _write(self.descriptor, data, size_bytes)

    def close(self) -> None:
        """Give the memory back; a second time does nothing."""
        # The number is forgotten first: the kernel hands it out again, and then it is somebody else's file.
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
        if self._hold is not None:
            self._hold.release()


def read_all(descriptor: int) -> bytes:
    """Everything in a file that came as a bare descriptor."""
    return read_head(descriptor, os.fstat(descriptor).st_size)


def read_head(descriptor: int, most_bytes: int) -> bytes:
    """The first bytes of such a file, at most so many."""
    chunks, at = [], 0
    while at < most_bytes:
        chunk = os.pread(descriptor, most_bytes - at, at)
        if not chunk:
            break
        chunks.append(chunk)
        at += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def write_all(descriptor: int, data: bytes) -> None:
    """Write to such a file, from its start."""
    _write(descriptor, data, 0)


def _write(descriptor: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, at)
        left, at = left[written:], at + written


def _opened(name: str) -> int:
    """A new file in memory, or an unlinked private one where the kernel has no memfd."""
    try:
        return os.memfd_create(name)
    except (AttributeError, OSError):
        with tempfile.TemporaryFile(prefix=f"pixlean-{name}-") as file:
            return os.dup(file.fileno())

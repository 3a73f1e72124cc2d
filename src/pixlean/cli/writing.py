"""One file written so that nothing is ever lost: whole or not at all, and never over a file that was not meant.

A new file has no name while it is written (``O_TMPFILE``), then gets its name at once, which fails where the name is
taken. A file is replaced by exchanging the two names; what comes back is looked at, and where it is not the
file that was to be replaced, the two are exchanged back. At every moment there are whole files only.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_EXCHANGE, _NO_REPLACE = 2, 1
_AT_FDCWD = -100
# What file systems answer that have no nameless files, no links or no exchange.
_LACKS = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.ENOENT, errno.EMLINK}


class Changed(Exception):
    """The file that was to be replaced is another one by now."""

    message = "was changed while it was worked on, and is left as it is"


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """One state of one file."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file whose status was read."""
        return cls(device=status.st_dev, inode=status.st_ino, size_bytes=status.st_size, changed_ns=status.st_mtime_ns)


def create(target: Path, data: bytes, like: os.stat_result, *, keep_dates: bool = False) -> None:
    """Write a file that is not there yet; raises ``FileExistsError`` where it is.

    Permissions, and dates where wanted, are those of ``like``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _folder(target) as folder, _written(folder, target.name, data, like, keep_dates=keep_dates) as ready:
        ready.name_as(target.name)
        os.fsync(folder)


def replace(target: Path, data: bytes, expected: Stamp, like: os.stat_result, *, keep_dates: bool = False) -> None:
    """Write over the file that is as ``expected``, and no other. Raises ``Changed``, ``OSError``."""
    with _folder(target) as folder, _written(folder, target.name, data, like, keep_dates=keep_dates) as ready:
        beside = _beside(target.name)
        ready.name_as(beside)
        try:
            _exchange(folder, beside, target.name, expected)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=folder)
        os.fsync(folder)


def _exchange(folder: int, beside: str, name: str, expected: Stamp) -> None:
    def check(name: str) -> bool:
        return Stamp.of(os.stat(name, dir_fd=folder, follow_symlinks=False)) == expected

    try:
        if not check(name):
            raise Changed
    except FileNotFoundError:
        raise Changed from None
    try:
        _rename(folder, beside, name, _EXCHANGE)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Changed from None
        if error.errno not in _LACKS:
            raise
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    if not check(beside):
        _rename(folder, beside, name, _EXCHANGE)
        raise Changed


@contextlib.contextmanager
def _folder(target: Path) -> Iterator[int]:
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


class _Ready:
    """A file that is written and on the disk, and has no name of its own yet."""

    def __init__(self, folder: int, descriptor: int, beside: str | None) -> None:
        self._folder, self._descriptor, self.beside = folder, descriptor, beside

    def name_as(self, name: str) -> None:
        """Give it its name. Raises ``FileExistsError`` where that is taken."""
        if self.beside is None:
            # A folder's descriptor makes this linkat(2), which follows the link in /proc.
            os.link(f"/proc/self/fd/{self._descriptor}", name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            return
        try:
            _rename(self._folder, self.beside, name, _NO_REPLACE)
        except OSError as error:
            if error.errno not in _LACKS:
                raise
            # The oldest way: whoever creates the name owns it, and may replace what it is.
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._folder))
            os.replace(self.beside, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self.beside = None


@contextlib.contextmanager
def _written(folder: int, name: str, data: bytes, like: os.stat_result, *, keep_dates: bool) -> Iterator[_Ready]:
    beside: str | None = None
    try:
        if not Path("/proc/self/fd").is_dir():
            raise OSError(errno.EOPNOTSUPP, "")
        descriptor = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError as error:
        if error.errno not in _LACKS:
            raise
        beside = _beside(name)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    ready = _Ready(folder, descriptor, beside)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, like.st_mode & 0o777)
        if keep_dates:
            os.utime(descriptor, ns=(like.st_atime_ns, like.st_mtime_ns))
        os.fsync(descriptor)
        yield ready
    finally:
        os.close(descriptor)
        if ready.beside is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(ready.beside, dir_fd=folder)


def _beside(name: str) -> str:
    """A hidden name in the same folder, short enough wherever ``name`` is."""
    return f".{os.fsdecode(os.fsencode(name)[:100])}.{secrets.token_hex(4)}.pixlean"


def _rename(folder: int, old: str, new: str, flags: int) -> None:
    """``renameat2``, which the standard library does not have."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if libc.renameat2(folder, os.fsencode(old), folder, os.fsencode(new), flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

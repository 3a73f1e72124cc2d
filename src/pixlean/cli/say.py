"""How a command speaks of what went wrong: ``error: PATH: why`` and ``hint: ...`` on stderr, the same everywhere."""

from __future__ import annotations

import errno
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import NoReturn


class Exit(IntEnum):
    """What the number means with which a command ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


_WHY = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "no space is left in the quota",
    errno.EROFS: "the disk can't be written to",
    errno.EISDIR: "is a folder",
    errno.ENOTDIR: "a part of the path is no folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "the link leads to itself",
    errno.EEXIST: "exists already",
    errno.EFBIG: "the file would be larger than is allowed",
}


def shown(name: str | Path) -> str:
    """A name for one line of text: control characters are escaped, everything else stays."""
    text = str(name)
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or "\ud800" <= sign <= "\udfff" else sign.encode("unicode_escape").decode()
        for sign in text
    )


def why(error: BaseException) -> str:
    """An error as its reason only: no class, no number, no name of a temporary file."""
    if isinstance(error, OSError):
        return _WHY.get(error.errno or 0) or (os.strerror(error.errno).lower() if error.errno else "could not be read")
    said = getattr(error, "message", "") or str(error)
    return shown(said) or "it could not be done"


def complain(message: str, *, about: str | Path | None = None, hint: str = "") -> None:
    """Say on stderr what went wrong, with what, and what to do about it."""
    print("error: " + (f"{shown(about)}: " if about is not None else "") + message, file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def fail(message: str, *, about: str | Path | None = None, hint: str = "", code: int = Exit.USAGE) -> NoReturn:
    """Say what went wrong and end."""
    complain(message, about=about, hint=hint)
    sys.exit(int(code))

"""The rogue on a machine that has no process left for the third child, and has one again for the fourth."""

from __future__ import annotations

import errno
import os

import rogue  # noqa: F401 - imported for what it changes

from pixlean.sandbox import child

_fork, _zygote, _times = os.fork, os.getpid(), [0]


def _failing_fork() -> int:
    _times[0] += os.getpid() == _zygote
    if os.getpid() == _zygote and _times[0] == 3:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return _fork()


os.fork = _failing_fork
if __name__ == "__main__":
    child.main()

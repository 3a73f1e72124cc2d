"""What a child gives up of what the server may: its user, its capabilities, its session, its descriptors, resources.

Sources: credentials(7), capabilities(7), prctl(2), setfsuid(2), getrlimit(2).
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct

from pixlean.sandbox import kernel

_CAPABILITY_VERSION_3 = 0x20080522
_NO_CAPABILITY = bytes(24)
_CAP_SETGID, _CAP_SETUID = 1 << 6, 1 << 7
_MOST_DESCRIPTORS = 128
# Threads count as processes. All children of a server have one user, who may be others' as well.
_MOST_THREADS = 2048


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends; a change of user takes that back (prctl(2))."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_resources(*, memory_bytes: int, file_bytes: int) -> None:
    """Set rlimits. Memory is RLIMIT_DATA: V8 reserves, without using, more address space than RLIMIT_AS could allow."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_DESCRIPTORS, _MOST_DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = _MOST_THREADS if hard == resource.RLIM_INFINITY else min(hard, _MOST_THREADS)
    if os.getuid() != 0:  # the server's own user runs other things too
        most = hard
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def allow_cpu(seconds: int) -> None:
    """Let this process use ``seconds`` of CPU from now on; the next order asks again."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, resource.RLIM_INFINITY))


def leave_root(uid: int, *, keep_file_owner: bool) -> None:
    """Become ``uid`` for good where this is root, and lose every capability in any case.

    ``keep_file_owner``: files are still opened as root, where the interpreter lies in a folder that only root may
    enter. Signals, tracing and limits go by the other user ids; what may be opened, Landlock decides.
    """
    for capability in range(64):
        if kernel.prctl(kernel.PR_CAPBSET_DROP, capability) < 0:
            break
    if os.geteuid() == 0:
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
        with contextlib.suppress(OSError):  # a user namespace may know no other user, or forbid setgroups
            os.setgroups([])
        with contextlib.suppress(OSError):
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        if keep_file_owner:
            _set_capabilities(_CAP_SETUID | _CAP_SETGID)
            kernel.set_file_owner(0, 0)
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    _set_capabilities(0)
    kernel.prctl(kernel.PR_SET_KEEPCAPS, 0)
    # Nobody of the same user reads this process's memory or traces it (proc(5), ptrace(2)); no core is written.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def has_capabilities() -> bool:
    """Whether this process has any capability left, in any set that it could use or pass on."""
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    buffer = kernel.buffer(_NO_CAPABILITY)
    _, error = kernel.call("capget", header, buffer)
    return bool(error) or buffer.raw[:24] != _NO_CAPABILITY


def is_root() -> bool:
    """Whether one of this process's users is root."""
    return 0 in (*os.getresuid(), *os.getresgid())


def _set_capabilities(bits: int) -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    kernel.call("capset", header, struct.pack("6I", bits, bits, 0, 0, 0, 0))

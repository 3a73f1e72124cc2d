"""System calls that Python has no function for."""

from __future__ import annotations

import ctypes

from pixlean.sandbox.calls import this_machine

_libc = ctypes.CDLL(None, use_errno=True)
_machine = this_machine()

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NAME = 1, 4, 8, 15
PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 22, 24, 38, 39
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
PR_SET_VMA = 0x53564D41

Argument = int | bytes | ctypes.Array[ctypes.c_char] | None


def has_table() -> bool:
    """Whether this processor's system calls are known here."""
    return _machine is not None


def call(name: str, *arguments: Argument) -> tuple[int, int]:
    """Make a system call by its name: the result and the errno, 0 where it succeeded. Unknown ones are ENOSYS."""
    number = None if _machine is None else _machine.numbers.get(name)
    return (-1, 38) if number is None else call_number(number, *arguments)


def call_number(number: int, *arguments: Argument) -> tuple[int, int]:
    """The same by number."""
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    # All six registers are set: what a call ignores shall not hold what was left there.
    passed += [ctypes.c_long(0)] * (6 - len(passed))
    ctypes.set_errno(0)
    result = int(_libc.syscall(ctypes.c_long(number), *passed))
    return result, ctypes.get_errno() if result == -1 else 0


def prctl(option: int, *arguments: int) -> int:
    """prctl(2) on this process: its result, -1 where it is refused."""
    passed = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:4]]
    return int(_libc.prctl(ctypes.c_int(option), *passed))


def set_file_owner(uid: int, gid: int) -> None:
    """setfsuid(2) and setfsgid(2): as whom this process opens files."""
    _libc.setfsgid(ctypes.c_int(gid))
    _libc.setfsuid(ctypes.c_int(uid))


def buffer(content: bytes) -> ctypes.Array[ctypes.c_char]:
    """Memory that a call may write to."""
    return ctypes.create_string_buffer(content, len(content))

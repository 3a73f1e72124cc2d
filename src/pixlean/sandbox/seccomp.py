"""The filter of system calls: a list of what is allowed, some of it only with certain arguments (seccomp(2)).

All else fails with EPERM, and a call of another architecture ends the process. A call whose arguments lie behind a
pointer can't be judged by a filter, so clone3 and openat2 fail with ENOSYS, and the C library takes clone and openat.
"""

from __future__ import annotations

import ctypes
import os
import struct
from functools import lru_cache

from pixlean.sandbox import kernel
from pixlean.sandbox.calls import ALLOWED, Machine, this_machine

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _GIVE = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_REFUSE, _UNKNOWN = 0x00050000 | 1, 0x00050000 | 38  # SECCOMP_RET_ERRNO with EPERM, with ENOSYS
_SET_MODE_FILTER, _TSYNC, _MODE_FILTER = 1, 1, 2

# fcntl.h: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, __O_TMPFILE.
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000
# sched.h: CLONE_VM, CLONE_SIGHAND and CLONE_THREAD make a thread; any CLONE_NEW* would make a namespace.
_THREAD = 0x100 | 0x800 | 0x10000
_NAMESPACES = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x80
# mman.h: memory that is shared and nameless, or grows downward, does not count against RLIMIT_DATA.
_SHARED_NAMELESS, _GROWS_DOWN = 0x01 | 0x20, 0x100
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GET_SEALS. F_SETOWN and F_SETSIG would send signals.
_FCNTL = (0, 1, 2, 3, 4, 1030, 1034)
# TCGETS (isatty), FIONBIO, FIOCLEX, FIONCLEX, FIONREAD.
_IOCTL = (0x5401, 0x5421, 0x5451, 0x5450, 0x541B)
_PRCTL = (kernel.PR_SET_NAME, 16, kernel.PR_SET_VMA)

# Stands for the process's own number until that is known: pid_max is 2**22 at most (proc(5)).
_OWN_PID = 0x7E5751D5

Line = tuple[int, int, int, int]


def restrict_calls(*, channels: tuple[int, ...] = (), may_execute: bool = False, is_broker: bool = False) -> bool:
    """Install the filter for good; whether that succeeded. Messages pass through ``channels`` only.

    ``may_execute`` is for a process that turns into a program next; ``is_broker`` for the one that forks such
    processes and never reads a picture. Raises ``OSError`` on a processor whose calls are not known: guessed
    numbers would allow anything.
    """
    machine = this_machine()
    if machine is None:
        raise OSError("this processor's system calls are not known")
    code = _code(machine.audit, channels, may_execute, is_broker).replace(
        struct.pack("I", _OWN_PID), struct.pack("I", os.getpid())
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: a length, padding, a pointer.
    program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    holder = ctypes.create_string_buffer(program, len(program))
    if kernel.call("seccomp", _SET_MODE_FILTER, _TSYNC, holder) == (0, 0):
        return True
    return kernel.prctl(kernel.PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(holder)) == 0


@lru_cache(maxsize=8)
def _code(audit: int, channels: tuple[int, ...], may_execute: bool, is_broker: bool) -> bytes:
    machine = this_machine()
    assert machine is not None and machine.audit == audit
    lines = _program(machine, channels, may_execute=may_execute, is_broker=is_broker)
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _program(machine: Machine, channels: tuple[int, ...], *, may_execute: bool, is_broker: bool) -> list[Line]:
    # struct seccomp_data: the call's number, the architecture, the instruction pointer, six arguments.
    program: list[Line] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine.audit), (_GIVE, 0, 0, _KILL_PROCESS)]
    program.append((_LOAD, 0, 0, 0))
    if machine.foreign_from is not None:
        program += [(_AT_LEAST, 0, 1, machine.foreign_from), (_GIVE, 0, 0, _REFUSE)]
    allowed = list(ALLOWED)
    rules = _rules(channels)
    if may_execute or is_broker:
        allowed.append("execve")
    if is_broker:
        allowed += ["fork", "vfork", "seccomp"]
        rules |= {
            "clone": _no_bit(0, _NAMESPACES & ~0x80), "kill": [(_GIVE, 0, 0, _ALLOW)],
            "prctl": _one_of(0, (*_PRCTL, kernel.PR_SET_SECCOMP, kernel.PR_SET_NO_NEW_PRIVS, kernel.PR_SET_PDEATHSIG)),
        }  # fmt: skip
    for name in allowed:
        if name in machine.numbers:
            program += [(_EQUAL, 0, 1, machine.numbers[name]), (_GIVE, 0, 0, _ALLOW)]
    for name, rule in rules.items():
        if name in machine.numbers:
            program += [(_EQUAL, 0, len(rule), machine.numbers[name]), *rule]
    return [*program, (_GIVE, 0, 0, _REFUSE)]


def _rules(channels: tuple[int, ...]) -> dict[str, list[Line]]:
    """What is looked at when a call of these names comes; each ends with a verdict."""
    return {
        "open": _no_bit(1, _WRITING),
        "openat": _no_bit(2, _WRITING),
        "mmap": [
            (_LOAD, 0, 0, _low_half(3)), (_ANY_BIT, 0, 1, _GROWS_DOWN), (_GIVE, 0, 0, _REFUSE),
            (_AND, 0, 0, _SHARED_NAMELESS), (_EQUAL, 0, 1, _SHARED_NAMELESS), (_GIVE, 0, 0, _REFUSE),
            (_GIVE, 0, 0, _ALLOW),
        ],
        "clone": [
            (_LOAD, 0, 0, _low_half(0)), (_ANY_BIT, 0, 1, _NAMESPACES), (_GIVE, 0, 0, _REFUSE),
            (_AND, 0, 0, _THREAD), (_EQUAL, 0, 1, _THREAD), (_GIVE, 0, 0, _ALLOW), (_GIVE, 0, 0, _REFUSE),
        ],
        # glibc's setrlimit and getrlimit call prlimit64 with 0, which is the caller.
        "prlimit64": _one_of(0, (0,)),
        # abort(3) and raise(3): a signal to a thread of this process.
        "kill": _one_of(0, (_OWN_PID,)),
        "tgkill": _one_of(0, (_OWN_PID,)),
        "prctl": _one_of(0, _PRCTL),
        "ioctl": _one_of(1, _IOCTL),
        "fcntl": _one_of(1, _FCNTL),
        **{name: _one_of(0, channels) for name in ("sendmsg", "recvmsg", "sendto", "recvfrom")},
        "clone3": [(_GIVE, 0, 0, _UNKNOWN)],
        "openat2": [(_GIVE, 0, 0, _UNKNOWN)],
    }  # fmt: skip


def _low_half(argument: int) -> int:
    """Where an argument's low 32 bits lie: all that are looked at here are ints, or flags below 2**32."""
    return 16 + 8 * argument


def _one_of(argument: int, values: tuple[int, ...]) -> list[Line]:
    lines: list[Line] = [(_LOAD, 0, 0, _low_half(argument))]
    for value in values:
        lines += [(_EQUAL, 0, 1, value), (_GIVE, 0, 0, _ALLOW)]
    return [*lines, (_GIVE, 0, 0, _REFUSE)]


def _no_bit(argument: int, bits: int) -> list[Line]:
    return [
        (_LOAD, 0, 0, _low_half(argument)), (_ANY_BIT, 0, 1, bits), (_GIVE, 0, 0, _REFUSE), (_GIVE, 0, 0, _ALLOW),
    ]  # fmt: skip

"""Lock this process down for good: resource limits, Landlock for files and TCP, seccomp for system calls.

Sources: landlock(7) and its header (access bits, ABI versions), seccomp(2), the kernel's syscall tables.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Iterable

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_SET_DUMPABLE = 1, 38, 22, 4
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR, _WRITE_FILE = 1, 4, 8, 2
_LAST_FS_BIT_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16}
_TCP_BIND_AND_CONNECT = 3
# Numbers from the kernel's tables: x86_64 (arch/x86/entry/syscalls/syscall_64.tbl), aarch64 (asm-generic/unistd.h).
_ARCHITECTURES = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41, "connect": 42, "bind": 49, "listen": 50, "accept": 43, "accept4": 288,
            "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
            "unshare": 272, "bpf": 321, "perf_event_open": 298, "keyctl": 250, "add_key": 248, "request_key": 249,
            "io_uring_setup": 425, "userfaultfd": 323, "kexec_load": 246, "init_module": 175, "finit_module": 313,
            "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "open_by_handle_at": 304,
            "pidfd_getfd": 438, "pidfd_open": 434, "kill": 62, "tkill": 200,
            "execve": 59, "execveat": 322,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "socket": 198, "connect": 203, "bind": 200, "listen": 201, "accept": 202, "accept4": 242,
            "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "setns": 268, "unshare": 97,
            "bpf": 280, "perf_event_open": 241, "keyctl": 219, "add_key": 217, "request_key": 218,
            "io_uring_setup": 425, "userfaultfd": 282, "kexec_load": 104, "init_module": 105, "finit_module": 273,
            "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "open_by_handle_at": 265,
            "pidfd_getfd": 438, "pidfd_open": 434, "kill": 129, "tkill": 130,
            "execve": 221, "execveat": 281,
        },
    ),
}  # fmt: skip
_ONLY_WITHOUT_TOOL = {"execve", "execveat", "kill"}


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit_resources(*, memory_bytes: int, file_bytes: int) -> None:
    """Set rlimits. Memory is RLIMIT_DATA: V8 reserves, without using, more address space than RLIMIT_AS could allow."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))


def allow_cpu(seconds: int) -> None:
    """Let this process use ``seconds`` of CPU from now on; the next job asks again."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, resource.RLIM_INFINITY))


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where it has none."""
    found = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(0, int(found))


def available_layers() -> dict[str, bool]:
    """Which layers this kernel and machine offer."""
    return {
        "rlimits": True,
        "landlock": landlock_abi() > 0,
        "landlock_network": landlock_abi() >= 4,
        "seccomp": platform.machine() in _ARCHITECTURES and os.path.exists("/proc/sys/kernel/seccomp/actions_avail"),
    }


def readable_places() -> list[str]:
    """What a child may read: the interpreter, its packages, shared libraries, fonts."""
    places = {sys.prefix, sys.base_prefix, *(path for path in sys.path if path)}
    places |= {
        "/usr/lib",
        "/lib",
        "/lib64",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/share/fonts",
        "/usr/share/fontconfig",
    }
    places |= {
        "/etc/ld.so.cache",
        "/etc/fonts",
        "/usr/share/mime",
        "/var/cache/fontconfig",
        "/dev/null",
        "/dev/urandom",
    }
    places |= {"/usr/share/zoneinfo", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo"}
    return sorted(place for place in places if os.path.exists(place))


def restrict_files(readable: Iterable[str], executable: Iterable[str] = ()) -> bool:
    """Deny every path but the readable ones, all writing, all TCP; executing only the named files."""
    abi = landlock_abi()
    if abi <= 0:
        return False
    handled = (1 << _LAST_FS_BIT_BY_ABI.get(min(abi, 7), 13)) - 1
    network = _TCP_BIND_AND_CONNECT if abi >= 4 else 0
    attributes = struct.pack("QQ", handled, network) if abi >= 4 else struct.pack("Q", handled)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    ruleset = _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    for path in readable:
        right = _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0)
        _allow(ruleset, path, right | (_WRITE_FILE if path == "/dev/null" else 0))
    for path in executable:
        _allow(ruleset, path, _READ_FILE | _EXECUTE)
    done = _libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)
    return bool(done == 0)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rule = struct.pack("=Qi", access, descriptor)
    _libc.syscall(_LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    os.close(descriptor)


def restrict_calls(*, may_execute: bool = False) -> bool:
    """Make network, tracing, mounting and, unless a tool must run, executing fail with EPERM."""
    machine = _ARCHITECTURES.get(platform.machine())
    if machine is None:
        return False
    architecture, numbers = machine
    denied = sorted(number for name, number in numbers.items() if not (may_execute and name in _ONLY_WITHOUT_TOOL))
    load, equal, give = 0x20, 0x15, 0x06
    allow, kill, refuse = 0x7FFF0000, 0x80000000, 0x00050000 | 1
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill), (load, 0, 0, 0)]
    for index, number in enumerate(denied):
        program.append((equal, len(denied) - index, 0, number))
    program += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    description = Program(len(program), ctypes.addressof(buffer))
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return bool(_libc.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(description), 0, 0) == 0)


def confine(
    *, memory_bytes: int, file_bytes: int, tools: Iterable[str] = (), readable: Iterable[str]
) -> dict[str, bool]:
    """All layers, for good; which of them hold."""
    tools = tuple(tools)
    limit_resources(memory_bytes=memory_bytes, file_bytes=file_bytes)
    loaders = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if tools else ()
    executable = [os.path.realpath(path) for path in (*tools, *loaders) if os.path.exists(path)]
    files = restrict_files(readable, executable)
    calls = restrict_calls(may_execute=bool(tools))
    return {"rlimits": True, "landlock": files, "landlock_network": files and landlock_abi() >= 4, "seccomp": calls}

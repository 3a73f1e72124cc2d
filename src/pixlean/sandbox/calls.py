"""System calls by number, and which of them a child may make: what is not named here is refused.

Numbers from the kernel's tables: x86_64 (arch/x86/entry/syscalls/syscall_64.tbl), aarch64 (asm-generic/unistd.h, which
left out what newer calls replace: None). errno values and flags are the same on both.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

_NUMBERS: dict[str, tuple[int, int | None]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70), "close": (3, 57), "close_range": (436, 436),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24), "lseek": (8, 62), "ftruncate": (77, 46),
    "fadvise64": (221, 223), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291), "stat": (4, None),
    "lstat": (6, None), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getcwd": (79, 17), "getdents64": (217, 61),
    "statfs": (137, 43), "fstatfs": (138, 44), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None),
    "epoll_pwait": (281, 22), "eventfd2": (290, 19), "pipe": (22, None), "pipe2": (293, 59), "munmap": (11, 215),
    "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233), "brk": (12, 214), "msync": (26, 227),
    "mincore": (27, 232), "membarrier": (324, 283), "pkey_alloc": (330, 289), "pkey_free": (331, 290),
    "pkey_mprotect": (329, 288), "futex": (202, 98), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169), "time": (201, None),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "getcpu": (309, 168), "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "getpgrp": (111, None), "getpgid": (121, 155),
    "getsid": (124, 156), "capget": (125, 90), "uname": (63, 160), "sysinfo": (99, 179), "times": (100, 153),
    "getrusage": (98, 165), "getrlimit": (97, 163), "setrlimit": (160, 164), "getrandom": (318, 278),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "rt_sigtimedwait": (128, 137), "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
    "wait4": (61, 260), "waitid": (247, 95), "set_tid_address": (218, 96), "set_robust_list": (273, 99),
    "rseq": (334, 293), "arch_prctl": (158, None), "open": (2, None), "openat": (257, 56), "mmap": (9, 222),
    "clone": (56, 220), "prlimit64": (302, 261), "kill": (62, 129), "tgkill": (234, 131), "prctl": (157, 167),
    "ioctl": (16, 29), "fcntl": (72, 25), "sendmsg": (46, 211), "recvmsg": (47, 212), "clone3": (435, 435),
    "sendto": (44, 206), "recvfrom": (45, 207),
    "openat2": (437, 437), "vfork": (58, None), "fork": (57, None), "execve": (59, 221), "seccomp": (317, 277),
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "ptrace": (101, 117), "mount": (165, 40),
    "unshare": (272, 97), "setns": (308, 268), "process_vm_readv": (310, 270), "fchmodat": (268, 53),
    "fchownat": (260, 54), "unlinkat": (263, 35), "renameat2": (316, 276), "linkat": (265, 37),
    "symlinkat": (266, 36), "mkdirat": (258, 34), "utimensat": (280, 88), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "memfd_create": (319, 279), "shmget": (29, 194),
    "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "bpf": (321, 280),
    "perf_event_open": (298, 241), "keyctl": (250, 219), "io_uring_setup": (425, 425), "userfaultfd": (323, 282),
    "setsid": (112, 157), "setpgid": (109, 154), "execveat": (322, 281), "kexec_load": (246, 104),
    "init_module": (175, 105), "open_by_handle_at": (304, 265), "chroot": (161, 51), "personality": (135, 92),
    "setresuid": (117, 147), "reboot": (169, 142), "landlock_create_ruleset": (444, 444), "truncate": (76, 45),
    "setxattr": (188, 5), "capset": (126, 91), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}  # fmt: skip
# What seccomp(2) calls them: AUDIT_ARCH_X86_64 and AUDIT_ARCH_AARCH64 of linux/audit.h.
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Files: reading what Landlock lets through, and descriptors that are open already. Opening is ruled in ``seccomp``.
_FILES = (
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "close", "close_range", "dup",
    "dup2", "dup3", "lseek", "ftruncate", "fadvise64", "fstat", "newfstatat", "statx", "stat", "lstat", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64", "statfs", "fstatfs", "poll", "ppoll",
    "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "pipe", "pipe2",
)  # fmt: skip
_MEMORY = (
    "munmap", "mremap", "mprotect", "madvise", "brk", "msync", "mincore", "membarrier", "pkey_alloc", "pkey_free",
    "pkey_mprotect",
)  # fmt: skip
# Threads of its own, time, signals to itself, and what it may ask about itself.
_ITSELF = (
    "futex", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "getcpu", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "getpgrp", "getpgid", "getsid", "capget", "uname", "sysinfo", "times", "getrusage", "getrlimit",
    "setrlimit", "getrandom", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigpending",
    "rt_sigsuspend", "sigaltstack", "restart_syscall", "exit", "exit_group", "wait4", "waitid", "set_tid_address",
    "set_robust_list", "rseq", "arch_prctl",
)  # fmt: skip
ALLOWED = (*_FILES, *_MEMORY, *_ITSELF)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A processor's words for the kernel. ``foreign_from`` is where another table begins: x32's on x86-64."""

    audit: int
    numbers: dict[str, int]
    foreign_from: int | None = None


def this_machine() -> Machine | None:
    """The table of this processor; ``None`` where we have none."""
    name = platform.machine()
    audit = _AUDIT_ARCHITECTURES.get(name)
    if audit is None:
        return None
    if name == "x86_64":
        # __X32_SYSCALL_BIT of asm/unistd.h: the same calls with 32-bit pointers, past every comparison by number.
        return Machine(audit=audit, numbers={call: pair[0] for call, pair in _NUMBERS.items()}, foreign_from=0x40000000)
    numbers = {call: pair[1] for call, pair in _NUMBERS.items() if pair[1] is not None}
    return Machine(audit=audit, numbers=numbers)

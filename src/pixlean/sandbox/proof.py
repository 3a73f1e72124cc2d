"""What a child proves of its own cage before its first picture: things it tries, each of which must be refused.

Each try is harmless where it is not refused: signals are 0, files are nameless or do not exist, pointers are null.
Refused is EPERM, EACCES or ENOSYS; any other answer says that the kernel began to do it. A layer holds where it was put
on and nothing that belongs to it got through.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pixlean.sandbox import kernel
from pixlean.sandbox.landlock import has_scopes, has_tcp
from pixlean.sandbox.privileges import has_capabilities, is_root

_REFUSALS = (1, 13, 38)
_NOT_THERE = 2
_HERE = -100  # AT_FDCWD
_OWN_DESCRIPTORS = 7
_TMPFILE_READ_WRITE, _CREATE_AND_WRITE, _FOLDER = 0o20200002, 0o101, 0o200000
_SIGCHLD, _SHARED_NAMELESS, _GROWING = 17, 0x21, 0x122
_X32_GETPID = 0x40000000 | 39


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing to try: in words, the layer that must refuse it, and the system call."""

    tries: str
    layer: str
    call: str
    arguments: tuple[kernel.Argument, ...] = ()
    opens: bool = False


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What held when it was tried: the layers by name, what was refused, what was not."""

    layers: dict[str, bool] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    escaped: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every layer does and nothing got through."""
        return bool(self.layers) and all(self.layers.values()) and not self.escaped


def prove_before_filter(*, abi: int, files: bool) -> Proof:
    """What can only be told while the filter of calls does not hide it: Landlock's network and scopes."""
    layers = {"landlock": files, "landlock_network": files and has_tcp(abi) and not _connects()}
    if has_scopes(abi):
        layers["landlock_scopes"] = files and not _reaches_parent()
    layers["no_new_privs"] = kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) == 1
    layers["rlimits"] = _is_limited()
    layers["capabilities"] = not has_capabilities()
    layers["user"] = not is_root()
    return Proof(layers=layers)


def prove_by_trying(before: Proof, *, calls: bool, parent: int, private: Iterable[str] = ()) -> Proof:
    """Try everything. ``parent`` is a process outside of the cage, ``private`` are files that must stay closed."""
    layers = {**before.layers, "seccomp": calls}
    refused, escaped = [], []
    for check in _checks(parent, private):
        if _is_refused(check):
            refused.append(check.tries)
        else:
            escaped.append(check.tries)
            layers[check.layer] = False
    return Proof(layers=layers, refused=tuple(refused), escaped=tuple(escaped))


def stands_alone() -> bool:
    """Whether this process leads a session of its own and holds no descriptor that it was not given."""
    strangers = [number for number in range(_OWN_DESCRIPTORS, 128) if _is_open(number)]
    return os.getsid(0) == os.getpid() and not strangers


def _checks(parent: int, private: Iterable[str]) -> Iterator[Check]:
    nowhere = b"/nonexistent/x"
    for path in ("/", "/etc/passwd", "/proc/self/environ", *private):
        # A folder opens with O_DIRECTORY or without; so does a file, without.
        yield Check(tries=f"read {path}", layer="landlock", call="openat", opens=True,
                    arguments=(_HERE, os.fsencode(path), _FOLDER if path == "/" else 0))  # fmt: skip
    calls: tuple[tuple[str, str, *tuple[kernel.Argument, ...]], ...] = (
        ("create a file", "openat", _HERE, nowhere, _CREATE_AND_WRITE, 0o600),
        ("write a nameless file", "openat", _HERE, b"/tmp", _TMPFILE_READ_WRITE, 0o600),
        ("change a file's mode", "fchmodat", _HERE, nowhere, 0),
        ("change a file's owner", "fchownat", _HERE, nowhere, 0, 0, 0),
        ("change a file's times", "utimensat", _HERE, nowhere, None, 0),
        ("change a file's attributes", "setxattr", nowhere, b"user.x", b"1", 1, 0),
        ("cut a file", "truncate", nowhere, 0),
        ("delete a file", "unlinkat", _HERE, nowhere, 0),
        ("rename a file", "renameat2", _HERE, nowhere, _HERE, nowhere, 0),
        ("link a file", "linkat", _HERE, nowhere, _HERE, nowhere, 0),
        ("make a symbolic link", "symlinkat", b"x", _HERE, nowhere),
        ("make a folder", "mkdirat", _HERE, nowhere, 0o700),
        ("open a socket", "socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
        ("open a network socket", "socket", socket.AF_INET, socket.SOCK_STREAM, 0),
        ("open a pair of sockets", "socketpair", socket.AF_UNIX, socket.SOCK_STREAM, 0, None),
        ("connect", "connect", -1, None, 0),
        ("send on another descriptor", "sendmsg", 0, None, 0),
        ("fork", "clone", _SIGCHLD, 0, 0, 0, 0),
        ("fork by clone3", "clone3", None, 0),
        ("run a program", "execve", nowhere, None, None),
        ("run a program by a descriptor", "execveat", -1, nowhere, None, None, 0),
        ("signal the parent", "kill", parent, 0),
        ("signal a thread of the parent", "tgkill", parent, parent, 0),
        ("signal any thread", "tkill", parent, 0),
        ("queue a signal", "rt_sigqueueinfo", parent, 0, None),
        ("signal by a descriptor", "pidfd_send_signal", -1, 0, None, 0),
        ("open a process", "pidfd_open", parent, 0),
        ("take another's descriptor", "pidfd_getfd", -1, 0, 0),
        ("trace the parent", "ptrace", 2, parent, 0, 0),
        ("read the parent's memory", "process_vm_readv", parent, None, 0, None, 0, 0),
        ("read the parent's limits", "prlimit64", parent, resource.RLIMIT_NOFILE, None, None),
        ("move the parent to other cores", "sched_setaffinity", parent, 0, None),
        ("slow the parent down", "setpriority", 99, parent, 0),
        ("have signals sent by a descriptor", "fcntl", 0, 8, parent),
        ("type into a terminal", "ioctl", 0, 0x5412, None),
        ("mount", "mount", None, None, None, 0, None),
        ("leave a namespace", "unshare", 0),
        ("enter a namespace", "setns", -1, 0),
        ("change the root folder", "chroot", nowhere),
        ("open a file by its handle", "open_by_handle_at", -1, None, 0),
        ("change the user", "setresuid", -1, -1, -1),
        ("load a program into the kernel", "bpf", 99, None, 0),
        ("load a module into the kernel", "init_module", None, 0, None),
        ("count the machine's events", "perf_event_open", None, 0, 0, 0, 0),
        ("read the kernel's keys", "keyctl", 0, -1, 0),
        ("queue calls past the filter", "io_uring_setup", 0, None),
        ("handle page faults", "userfaultfd", -1),
        ("restart the machine", "reboot", 0, 0, 0, None),
        ("share memory by a key", "shmget", 0, 0, 0),
        ("open a message queue", "msgget", 1, 0),
        ("open a named message queue", "mq_open", None, 0, 0, None),
        ("open semaphores", "semget", 1, 0, 0),
        ("make a file in memory", "memfd_create", b"x", 0),
        ("map memory past the limit", "mmap", 0, 4096, 3, _SHARED_NAMELESS, -1, 0),
        ("map a second stack", "mmap", 0, 4096, 3, _GROWING, -1, 0),
        ("change the personality", "personality", 0xFFFFFFFF),
        ("put on another filter", "seccomp", 99, 0, None),
        ("ask for the dumpable flag", "prctl", 3, 0, 0, 0, 0),
    )  # fmt: skip
    for tries, call, *arguments in calls:
        yield Check(tries=tries, layer="seccomp", call=call, arguments=tuple(arguments))
    yield Check(tries="call by another table (x32)", layer="seccomp", call="x32")


def _is_refused(check: Check) -> bool:
    if check.call == "x32":
        result, error = kernel.call_number(_X32_GETPID)
    else:
        result, error = kernel.call(check.call, *check.arguments)
    if not error:
        _undo(check.call, result)
    return error in _REFUSALS or (check.opens and error == _NOT_THERE)


def _undo(call: str, result: int) -> None:
    """Put back what a try that was not refused has begun."""
    if call == "clone":
        if result == 0:
            os._exit(0)
        os.waitpid(result, 0)
    elif call in ("openat", "socket", "memfd_create", "pidfd_open"):
        os.close(result)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _connects() -> bool:
    """Whether TCP gets as far as the network; nobody needs to listen there."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as end:
            end.setblocking(False)
            end.connect(("127.0.0.1", 9))
    except PermissionError:
        return False
    except OSError:
        pass
    return True


def _reaches_parent() -> bool:
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.kill(os.getppid(), 0)
        return True
    return False


def _is_limited() -> bool:
    hard = [resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE)]
    if resource.RLIM_INFINITY in hard or resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return False
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard[1], hard[1] + 1))
    except (ValueError, OSError):
        return True
    return False

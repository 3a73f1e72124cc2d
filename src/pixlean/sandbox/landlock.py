"""Landlock (landlock(7)): which files, ports and processes outside a child can reach.

A ruleset is made once by the zygote and put on by each child: opening twenty places for each child would cost more
than all the rest of its confinement.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable

from pixlean.sandbox import kernel

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
# How many access bits an ABI knows; a newer one may know more, and what we do not name there stays allowed.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_BITS_NOW = 16
_TCP_BIND_AND_CONNECT = 3
_ABI_WITH_TCP, _ABI_WITH_SCOPES = 4, 6  # Linux 6.7 and 6.12
# Abstract unix sockets and signals that lead out of the domain.
_SCOPES = 1 | 2
_VERSION_FLAG, _RULE_PATH_BENEATH = 1, 1


def landlock_abi() -> int:
    """The kernel's version of Landlock, 0 where it has none or a filter around us refuses it."""
    return max(0, kernel.call("landlock_create_ruleset", None, 0, _VERSION_FLAG)[0])


def has_tcp(abi: int) -> bool:
    """Whether this version rules TCP."""
    return abi >= _ABI_WITH_TCP


def has_scopes(abi: int) -> bool:
    """Whether this version keeps signals and abstract sockets inside."""
    return abi >= _ABI_WITH_SCOPES


def make_ruleset(readable: Iterable[str], executable: Iterable[str] = ()) -> int | None:
    """A descriptor of rules that deny every path but these, all writing, all TCP; ``None`` without Landlock."""
    abi = landlock_abi()
    if abi <= 0:
        return None
    attributes = struct.pack("Q", (1 << _FILE_BITS.get(abi, _FILE_BITS_NOW)) - 1)
    if has_tcp(abi):
        attributes += struct.pack("Q", _TCP_BIND_AND_CONNECT)
    if has_scopes(abi):
        attributes += struct.pack("Q", _SCOPES)
    ruleset, error = kernel.call("landlock_create_ruleset", attributes, len(attributes), 0)
    if error:
        return None
    for path in readable:
        _allow(ruleset, path, _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0))
    for path in executable:
        _allow(ruleset, path, _READ_FILE | _EXECUTE)
    return ruleset


def put_on(ruleset: int | None) -> bool:
    """Bind this process to the rules for good; whether that succeeded."""
    if ruleset is None:
        return False
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    return kernel.call("landlock_restrict_self", ruleset, 0) == (0, 0)


def _allow(ruleset: int, path: str, access: int) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", access, descriptor)  # packed in landlock.h, so without padding
            kernel.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)

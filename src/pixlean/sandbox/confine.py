"""Lock this process down for good: privileges, resource limits, Landlock for files and TCP, seccomp for calls.

What holds afterwards is not believed but tried: ``proof``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pixlean.sandbox.landlock import landlock_abi, make_ruleset, put_on
from pixlean.sandbox.places import open_to_all, readable_places
from pixlean.sandbox.privileges import leave_root, limit_resources
from pixlean.sandbox.proof import prove_before_filter, prove_by_trying
from pixlean.sandbox.seccomp import restrict_calls

__all__ = ["NOBODY", "Bounds", "bounds_for", "confine", "give_up_rights", "readable_places"]

NOBODY = 65534
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a child is kept to; made once by the zygote. ``ruleset`` is Landlock's descriptor, where there is one."""

    memory_bytes: int
    file_bytes: int
    landlock_abi: int
    ruleset: int | None
    uid: int = NOBODY
    keep_file_owner: bool = False


def bounds_for(
    *, memory_bytes: int, file_bytes: int, readable: Iterable[str], tools: Iterable[str] = (), uid: int = NOBODY
) -> Bounds:
    """Prepare what all children with these tools share."""
    readable, tools = tuple(readable), tuple(tools)
    programs = (*tools, *_LOADERS) if tools else ()
    executable = [os.path.realpath(path) for path in programs if os.path.exists(path)]
    return Bounds(
        memory_bytes=memory_bytes,
        file_bytes=file_bytes,
        landlock_abi=landlock_abi(),
        ruleset=make_ruleset(readable, executable),
        uid=uid,
        keep_file_owner=not open_to_all(readable),
    )


def give_up_rights(bounds: Bounds) -> bool:
    """Everything but the filter of calls, which differs by process; whether Landlock holds."""
    limit_resources(memory_bytes=bounds.memory_bytes, file_bytes=bounds.file_bytes)
    leave_root(bounds.uid, keep_file_owner=bounds.keep_file_owner)
    return put_on(bounds.ruleset)


def confine(
    *, memory_bytes: int, file_bytes: int, tools: Iterable[str] = (), readable: Iterable[str] | None = None
) -> dict[str, bool]:
    """All layers, for good, for a process that stands alone; which of them hold."""
    places = readable_places() if readable is None else readable
    bounds = bounds_for(memory_bytes=memory_bytes, file_bytes=file_bytes, readable=places, tools=tools)
    files = give_up_rights(bounds)
    before = prove_before_filter(abi=bounds.landlock_abi, files=files)
    calls = restrict_calls()
    return prove_by_trying(before, calls=calls, parent=os.getppid()).layers

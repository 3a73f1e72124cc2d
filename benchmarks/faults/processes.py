"""The processes of a server as Linux shows them: who there is, what they hold, and how to harm one."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """What a server holds: its own descriptors and memory, its descendants, and which of these are dead and unburied."""

    descriptors: int
    memory_mb: float
    children: int
    zombies: int


def descendants(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, at = [pid], 0
    while at < len(found):
        found += parents.get(found[at], [])
        at += 1
    return found[1:]


def zygotes(server: int) -> list[int]:
    """The processes that encoding processes are forked from: those of the server's children that have children."""
    return [pid for pid in descendants(server) if _parent(pid) == server]


def encoders(server: int) -> list[int]:
    """Encoding processes: the children of zygotes."""
    above = set(zygotes(server))
    return [pid for pid in descendants(server) if _parent(pid) in above]


def holdings(server: int) -> Holdings:
    """What it holds now."""
    below = descendants(server)
    statuses = [fields[0] for pid in below if (fields := _stat(pid))]
    resident = int(Path(f"/proc/{server}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Holdings(
        descriptors=len(list(Path(f"/proc/{server}/fd").iterdir())),
        memory_mb=resident / (1 << 20),
        children=len(encoders(server)),
        zombies=statuses.count("Z"),
    )


def harm(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` behind the name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []

"""What the operator, and the wiring, decide of the encoding processes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pixlean.domain.settings import Kind, flag, number, setting, whole

_MB = 1 << 20


def _slots() -> Kind[int]:
    return Kind(read=lambda given: whole(0, 1024).read(given) or os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How many children there are, what each may use, and what none may ever read.

    ``shared``: a child may serve one tenant after another. ``required``: a child in which any layer does not hold is
    no child. ``private`` are paths that must lie outside of everything that children may read. ``uid`` is the user
    they become where the server is root.
    """

    slots: int = setting("COMPRESSION_SEMAPHORE_SIZE", "0", _slots(), "pictures encoded at a time; 0 is one a core")
    timeout_seconds: float = setting("TOOL_TIMEOUT_SECONDS", "60", number(most=3600), "longest time for one picture")
    memory_bytes: int = setting("CHILD_MEMORY_MB", "1536", whole(256, times=_MB), "memory of one encoding process")
    memory_budget_bytes: int = setting(
        "MEMORY_BUDGET_MB", "2048", whole(64, times=_MB), "decoded pixels of all running requests together"
    )
    required: bool = setting(
        "REQUIRE_SANDBOX", "false", flag(), "refuse to start unless every layer of the sandbox holds"
    )
    shared: bool = setting("SHARE_CHILDREN", "false", flag(), "let an encoding process serve one key after another")
    uid: int = setting("CHILD_UID", "65534", whole(1, 4_294_967_294), "user of the encoding processes of a root server")
    jobs_per_child: int = 16
    private: tuple[str, ...] = ()
    module: str = "pixlean.sandbox.child"

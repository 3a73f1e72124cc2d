"""The encoding processes of a command: every command that works on pictures opens them here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixlean.sandbox.pool import Pool


@contextlib.asynccontextmanager
async def open_pool(slots: int, seconds: float = 60.0) -> AsyncIterator[Pool]:
    """So many pictures at a time, ``seconds`` for each; the processes end with the block.

    Raises ``Unavailable`` where they do not start.
    """
    from pixlean.sandbox.pool import Pool, Settings

    pool = Pool(Settings(slots=slots, timeout_seconds=seconds))
    try:
        await pool.start()
        yield pool
    finally:
        await pool.stop()

"""What a queue is: it hands jobs to workers, at least once; the rows see to it that only one takes effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.task import Job, Kind

# Works on a claimed job; the seconds after which it wants to be handed out again, or None where it has ended.
Handler = Callable[[Job], Awaitable[float | None]]


@dataclass(frozen=True, kw_only=True)
class Post:
    """Who works on one kind of job, and on how many at a time."""

    kind: Kind
    slots: int
    handler: Handler


class Queue(Protocol):
    """Says to workers which jobs there are. Rows must be announced in the transaction that writes them."""

    async def announce(self, connection: AsyncConnection, kind: Kind, job_id: str) -> None:
        """Hand out a job once the transaction is committed."""

    async def announce_again(self, connection: AsyncConnection, kind: Kind, late: Sequence[tuple[str, int]]) -> None:
        """The same for jobs whose entries seem to be lost: ids with the numbers of their last claims, once for each."""

    def wake(self) -> None:
        """Look for work now: called after a commit, where workers share the process."""

    async def run(self, posts: tuple[Post, ...]) -> None:
        """Hand jobs to their posts until cancelled; then what is at work is cancelled too."""

    async def drain(self, seconds: float) -> None:
        """Hand out nothing more, and wait so long for what is at work."""

    async def close(self) -> None:
        """Let go of connections."""

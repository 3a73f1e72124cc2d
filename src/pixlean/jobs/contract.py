"""What a queue is: it hands jobs to workers, at least once; the rows see to it that only one takes effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from pixlean.domain.task import Deferred, Kind

Taken = TypeVar("Taken", bound=Deferred)


@dataclass(frozen=True, kw_only=True)
class Post(Generic[Taken]):
    """Who works on one type of task, and on how many at a time.

    The handler works on a claimed task and says after how many seconds it wants to be handed out again, or ``None``
    where it has ended.
    """

    takes: type[Taken]
    slots: int
    handler: Callable[[Taken], Awaitable[float | None]]

    @property
    def kind(self) -> Kind:
        """The row's word for what is taken."""
        return self.takes.kind


class Queue(Protocol):
    """Says to workers which jobs there are. Rows must be announced in the transaction that writes them."""

    async def announce(self, connection: AsyncConnection, kind: Kind, job_id: str) -> None:
        """Hand out a job once the transaction is committed."""

    async def announce_again(self, connection: AsyncConnection, kind: Kind, late: Sequence[tuple[str, int]]) -> None:
        """The same for jobs whose entries seem to be lost: ids with the numbers of their last claims, once for each."""

    def wake(self) -> None:
        """Look for work now: called after a commit, where workers share the process."""

    async def run(self, posts: tuple[Post[Any], ...]) -> None:
        """Hand jobs to their posts until cancelled; then what is at work is cancelled too."""

    async def drain(self, seconds: float) -> None:
        """Hand out nothing more, and wait so long for what is at work."""

    async def close(self) -> None:
        """Let go of connections."""

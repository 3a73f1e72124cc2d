"""Which task is handed out next: by turns of their owners, what was not tried yet first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, text

from pixlean.domain.task import Deferred, Kind, State
from pixlean.state.schema import JOBS

_MOST_REMEMBERED = 10_000
_CLAIM = """
UPDATE jobs SET state = 'working', fence = fence + 1, attempts = attempts + 1, due_at = :until,
    started_at = COALESCE(started_at, :now)
WHERE id = {which} RETURNING *
"""
CLAIM_NEXT = text(
    _CLAIM.format(
        which="(SELECT id FROM jobs WHERE kind = :kind AND state IN ('queued', 'working')"
        " AND (due_at <= :now OR due_at > :horizon) AND key_id = :key_id"
        # What was not tried yet comes before what was tried in vain: receivers that are gone hold nobody up.
        " ORDER BY attempts > 0, due_at LIMIT 1)"
    )
)
OWNERS = text(
    "SELECT key_id, min(due_at) AS first FROM jobs WHERE kind = :kind AND state IN ('queued', 'working')"
    " AND (due_at <= :now OR due_at > :horizon) GROUP BY key_id"
)
CLAIM_ONE = text(
    _CLAIM.format(
        which=":id AND kind = :kind AND state IN ('queued', 'working') AND (due_at <= :now OR due_at > :horizon)"
    )
)


def is_claim(task: Deferred) -> ColumnElement[bool]:
    """The row of a task, while it is still held by the claim that handed this one out."""
    return and_(JOBS.c.id == task.id, JOBS.c.fence == task.fence, JOBS.c.state == str(State.WORKING))


class Owners:
    """Whose turn it is: of those who have a task due, the one who was served longest ago by this process."""

    def __init__(self) -> None:
        self._served: dict[tuple[Kind, str], int] = {}
        self._turn = 0

    def next_of(self, kind: Kind, due: Sequence[Row[Any]]) -> str | None:
        """One of the owners who have something due; among those who were never served the one that waits longest."""
        if not due:
            return None
        whose = str(min(due, key=lambda row: (self._served.get((kind, row.key_id), 0), row.first)).key_id)
        self._turn += 1
        if len(self._served) > _MOST_REMEMBERED:
            self._served.clear()
        self._served[(kind, whose)] = self._turn
        return whose

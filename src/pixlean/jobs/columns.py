"""Tasks as the columns of their row, and back: what a row holds is told here and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Row

from pixlean.domain.errors import ErrorCode
from pixlean.domain.task import Call, Deferred, Job, JobResult, Kind, Notice, Price, State, Ticket


def columns_of(task: Job | Notice) -> dict[str, Any]:
    """All that a new row holds but for the idempotency key, and when the row may go."""
    payload = task.ticket if isinstance(task, Job) else task.call
    return {
        "id": task.id, "kind": str(task.kind), "api": task.api, "key_id": task.key_id,
        "ticket": msgspec.json.encode(payload).decode(), "input_bytes": task.input_bytes, "attempts": task.attempts,
        "fence": task.fence, "due_at": task.due_at, "created_at": task.created_at, "started_at": task.started_at,
        "completed_at": task.completed_at, "expires_at": task.expires_at, **columns_of_end(task),
    }  # fmt: skip


def columns_of_end(task: Deferred) -> dict[str, Any]:
    """Where a task stands, and what came of it."""
    result = task.result if isinstance(task, Job) else None
    return {
        "state": str(task.state),
        "result": None if result is None else msgspec.json.encode(result).decode(),
        "error_code": None if task.error_code is None else str(task.error_code),
        "error_message": task.error_message or None,
    }


def task_of(row: Row[Any]) -> Job | Notice:
    """The job or the notice of a row."""
    common: dict[str, Any] = {
        "id": row.id, "state": State(row.state), "input_bytes": row.input_bytes, "attempts": row.attempts,
        "fence": row.fence, "due_at": row.due_at, "created_at": row.created_at, "started_at": row.started_at,
        "completed_at": row.completed_at, "expires_at": row.expires_at, "error_message": row.error_message or "",
        "error_code": ErrorCode(row.error_code) if row.error_code else None,
    }  # fmt: skip
    if Kind(row.kind) is Kind.WEBHOOK:
        call = msgspec.json.decode(row.ticket, type=Call)
        return Notice(call=replace(call, api=row.api, key_id=row.key_id), **common)
    result = msgspec.json.decode(row.result, type=JobResult) if row.result else None
    return Job(ticket=_ticket(row), result=result, **common)


def _ticket(row: Row[Any]) -> Ticket:
    ticket = msgspec.json.decode(row.ticket, type=Ticket)
    price = ticket.price or _former_price(row.ticket)
    return replace(ticket, api=row.api, key_id=row.key_id, price=price)


class _Former(msgspec.Struct):
    meter: str | None = None


def _former_price(text: str) -> Price | None:
    """The price of a ticket that was written when tickets named a meter only: one API's did, and it was this one."""
    meter = msgspec.json.decode(text, type=_Former).meter
    return None if meter is None else Price(meter=meter, units=1, large_px=4096, large_units=2)

"""Work that outlives its request: what is to be done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pixlean.domain.errors import ErrorCode
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe


class Kind(StrEnum):
    """What a job is about."""

    COMPRESS = "compress"
    WEBHOOK = "webhook"


class State(StrEnum):
    """Where a job stands. QUEUED and WORKING are open; DONE and FAILED are for good."""

    QUEUED = "queued"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One picture to be compressed later.

    ``source_url`` where the picture is still to be fetched, else it lies in the store. ``most_bytes`` and
    ``most_side_px`` are what its API takes. ``meter`` is counted when it is done. The result is kept for
    ``keep_seconds``. ``webhook_url`` is told of the end, with links that begin with ``base_url``. ``notes`` are the
    dialect's own.
    """

    recipe: Recipe
    keep_seconds: float
    inputs: frozenset[Format] | None = None
    source_url: str | None = None
    most_bytes: int | None = None
    most_side_px: int | None = None
    meter: str | None = None
    webhook_url: str | None = None
    base_url: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a ticket; ``key`` is where the bytes lie in the store."""

    key: str
    format: Format
    original_bytes: int
    size_bytes: int
    width_px: int
    height_px: int
    method: str = ""
    target_met: bool | None = None

    @property
    def savings_percent(self) -> float:
        """How much smaller, in per cent."""
        return 100.0 * (1 - self.size_bytes / self.original_bytes) if self.original_bytes else 0.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One webhook to be delivered: the same body at every try. ``job_id`` is the job that it tells of."""

    url: str
    body: str
    job_id: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as its row says; ``ticket`` and ``made`` are those of a picture, ``call`` that of a webhook.

    Times are seconds since 1970. ``attempts`` counts the claims, ``fence`` too, and never goes back.
    """

    id: str
    kind: Kind
    api: str
    key_id: str
    state: State
    input_bytes: int
    attempts: int
    fence: int
    due_at: float
    created_at: float
    ticket: Ticket | None = None
    call: Call | None = None
    made: Made | None = None
    error_code: ErrorCode | None = None
    error_message: str = ""
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done."""
        return self.state in (State.QUEUED, State.WORKING)

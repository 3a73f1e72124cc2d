"""Work that outlives its request: what is to be done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, Self

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe


class Kind(StrEnum):
    """What is to be done: a row's word for ``Job`` and ``Notice``."""

    COMPRESS = "compress"
    WEBHOOK = "webhook"


class State(StrEnum):
    """Where it stands. QUEUED and WORKING are open; DONE and FAILED are for good."""

    QUEUED = "queued"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a result costs on a meter: ``units``, and ``large_units`` from beyond ``large_px`` on the longest side."""

    meter: str
    units: int = 1
    large_px: int | None = None
    large_units: int = 1

    def of(self, source_px: tuple[int, int]) -> int:
        """What a picture of this size costs."""
        is_large = self.large_px is not None and max(source_px) > self.large_px
        return self.large_units if is_large else self.units


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One picture to be compressed: what is to be done, for whom (``key_id``) and by the rules of which ``api``.

    ``source_url`` where the picture is still to be fetched, else it lies in the store. ``most_bytes`` and
    ``most_side_px`` are what its API takes. ``price`` is counted when it is done. The result is kept for
    ``keep_seconds``. ``webhook_url`` is told of the end, with links that begin with ``base_url``. ``notes`` are the
    dialect's own.
    """

    recipe: Recipe
    keep_seconds: float
    api: str = ""
    key_id: str = ""
    inputs: frozenset[Format] | None = None
    source_url: str | None = None
    most_bytes: int | None = None
    most_side_px: int | None = None
    price: Price | None = None
    webhook_url: str | None = None
    base_url: str = ""
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobResult:
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
    """One webhook to be delivered: the same body at every try.

    ``job_id`` is the job that it tells of, ``api`` and ``key_id`` are that job's.
    """

    url: str
    body: str
    job_id: str
    api: str = ""
    key_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """What all that is done later has in common, as its row says.

    Times are seconds since 1970. ``attempts`` counts the claims, ``fence`` too, and never goes back.
    """

    kind: ClassVar[Kind]

    id: str
    state: State
    input_bytes: int
    attempts: int
    fence: int
    due_at: float
    created_at: float
    error_code: ErrorCode | None = None
    error_message: str = ""
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether work is still to be done."""
        return self.state in (State.QUEUED, State.WORKING)

    def failed(self, error: PixleanError) -> Self:
        """The same after it has failed for good."""
        return replace(self, state=State.FAILED, error_code=error.code, error_message=error.message)


@dataclass(frozen=True, kw_only=True)
class Job(Deferred):
    """A picture that is compressed later; ``result`` where it was, and is still remembered."""

    kind: ClassVar[Kind] = Kind.COMPRESS

    ticket: Ticket
    result: JobResult | None = None

    @property
    def api(self) -> str:
        """The API that took it on."""
        return self.ticket.api

    @property
    def key_id(self) -> str:
        """Whose it is."""
        return self.ticket.key_id

    def succeeded(self, result: JobResult) -> Job:
        """The same with what came of it."""
        return replace(self, state=State.DONE, result=result)

    def kept_from(self, moment: float) -> Job:
        """The same after it has ended at this moment, from which on it is kept for as long as its ticket says."""
        return replace(self, completed_at=moment, expires_at=moment + self.ticket.keep_seconds)


@dataclass(frozen=True, kw_only=True)
class Notice(Deferred):
    """A webhook that tells of a job's end."""

    kind: ClassVar[Kind] = Kind.WEBHOOK

    call: Call

    @property
    def api(self) -> str:
        """The API of the job that it tells of."""
        return self.call.api

    @property
    def key_id(self) -> str:
        """Whose job it was."""
        return self.call.key_id

"""What the processes of a server have one of: on their board, or a process's own where it is the only one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pixlean.access.rate import Window
from pixlean.access.tally import Tally
from pixlean.config import Environment
from pixlean.domain.budget import ByteBudget
from pixlean.domain.places import Places
from pixlean.domain.turns import Turns
from pixlean.sandbox import pool
from pixlean.sandbox import settings as sandbox
from pixlean.service import compress
from pixlean.share import supply, twins
from pixlean.share.board import Cell, Seat
from pixlean.storage import cache
from pixlean.web import settings as web


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What is ``None`` is made by who needs it, for one process."""

    slots: Turns
    processes: int = 1
    is_first: bool = True
    places: Places | None = None
    budget: pool.Budget | None = None
    cache_total: cache.Total | None = None
    stored_total: cache.Total | None = None
    pictures_total: cache.Total | None = None
    twins: compress.Twins | None = None
    tally: Window | None = None


@contextlib.contextmanager
def open_shares(environment: Environment, seat: Seat | None) -> Iterator[Shares]:
    """Within a running loop: hear of the other processes as long as the block lasts."""
    settings = environment.of(sandbox.Settings)
    if seat is None:
        yield Shares(slots=Turns(settings.slots))
        return
    tally = Tally(tally_file(seat.board.folder))
    try:
        with seat.listening():
            yield Shares(
                slots=Turns(settings.slots, supply=supply.BoardSlots(seat, settings.slots)),
                processes=seat.board.rows, is_first=seat.row == 0,
                places=supply.BoardPlaces(seat), budget=supply.BoardBudget(seat, settings.memory_budget_bytes),
                cache_total=supply.BoardTotal(seat), stored_total=supply.BoardTotal(seat, Cell.STORED_BYTES),
                pictures_total=supply.BoardTotal(seat, Cell.PICTURES_BYTES),
                twins=twins.BoardTwins(seat), tally=tally,
            )  # fmt: skip
    finally:
        tally.close()


def upload_budget(environment: Environment, seat: Seat | None) -> ByteBudget:
    """What uploads and fetched files may hold, of all processes."""
    held = supply.BoardPlaces(seat, Cell.HELD_BYTES) if seat else None
    return ByteBudget(environment.of(web.Settings).body_budget_bytes, held)


def tally_file(folder: Path) -> Path:
    """Where the processes count requests."""
    return folder / "requests.db"

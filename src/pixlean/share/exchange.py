"""Each process's counters where the others find them, so that who is asked can tell of all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from pixlean.share.board import Cell, Seat

# A process that is killed takes the counts of so many seconds along.
_EVERY_SECONDS = 1.0
# A process that does not answer in time is shown as it stood a moment ago.
_PATIENCE_SECONDS = 0.25
_LOOK_AGAIN_SECONDS = 0.002


class Exchange:
    """``show`` tells this process's counters, ``grown`` what of several such texts stays true of dead processes."""

    def __init__(self, seat: Seat, show: Callable[[], bytes], grown: Callable[[Iterable[bytes]], bytes]) -> None:
        self._seat = seat
        self._board = seat.board
        self._show = show
        self._grown = grown
        seat.on_ring.append(self._answer)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take over from the dead process that had this seat before, and publish within."""
        before = _texts(self._gone, self._live)
        if before:
            _write(self._gone, self._grown(before))
        self._publish()
        task = asyncio.create_task(self._publish_for_ever())
        try:
            yield
        finally:
            task.cancel()
            self._publish()

    async def others(self) -> tuple[bytes, ...]:
        """The counters of all other processes, those of dead ones included."""
        self._publish()  # what is told now is not taken back where this process is killed
        with self._board.locked():
            call = self._board.next_call()
        others = [row for row in range(self._board.rows) if row != self._seat.row]
        for row in others:
            self._board.ring(row)
        end = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < end and not all(
            self._board.read(row, Cell.PUBLISHED) >= call or not self._board.read(row, Cell.READY) for row in others
        ):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        folder = self._board.folder
        return _texts(self._gone, *(folder / f"{row}.{end}" for row in others for end in ("gone", "live")))

    @property
    def _live(self) -> Path:
        return self._board.folder / f"{self._seat.row}.live"

    @property
    def _gone(self) -> Path:
        return self._board.folder / f"{self._seat.row}.gone"

    def _answer(self) -> None:
        if self._board.read(self._seat.row, Cell.PUBLISHED) < self._board.last_call:
            self._publish()

    def _publish(self) -> None:
        call = self._board.last_call
        _write(self._live, self._show())
        self._board.write(self._seat.row, Cell.PUBLISHED, call)

    async def _publish_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            self._publish()


def _texts(*paths: Path) -> tuple[bytes, ...]:
    texts = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            texts.append(path.read_bytes())
    return tuple(texts)


def _write(path: Path, text: bytes) -> None:
    beside = path.with_suffix(".new")
    # Counters that can't be told, on a full disk, are no reason to serve nobody.
    with contextlib.suppress(OSError):
        beside.write_bytes(text)
        beside.replace(path)

"""Several serving processes on one port: forked by a supervisor that serves nothing itself and replaces who dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

from pixlean.access.tally import Tally
from pixlean.config import Environment, Server
from pixlean.share.board import Board, Cell, Seat
from pixlean.wiring.accounts import Accounts, open_accounts
from pixlean.wiring.application import warn
from pixlean.wiring.rooms import begin
from pixlean.wiring.shares import tally_file

# Each process cuts itself when its own time is over (``wiring.ending``); who needs longer hangs.
_PATIENCE_SECONDS = 40.0
# A process that dies before it serves is forked again after a pause that grows.
_PAUSES_SECONDS = (0.5, 2.0, 5.0, 10.0)
_ENDINGS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (signal.SIGCHLD, *_ENDINGS)
_log = logging.getLogger("pixlean")

Serve = Callable[[Seat], None]


def supervise(environment: Environment, listener: socket.socket, serve: Serve) -> int:
    """Keep ``WORKERS`` processes that ``serve`` on the listener until SIGTERM or SIGINT; the exit code.

    It stays one thread without a loop: all modules are loaded and nothing runs, so that it can fork at any time.
    """
    warn(environment)
    folder = Path(tempfile.mkdtemp(prefix="pixlean-"))
    accounts = open_accounts(environment)
    try:
        Tally(tally_file(folder)).close()
        asyncio.run(_begin(accounts))
        return _Supervisor(Board(environment.of(Server).workers, folder), listener, serve).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _begin(accounts: Accounts) -> None:
    """What only the first process of a server may do: nobody else is at work yet."""
    await begin(accounts)
    # Connections do not survive a fork. The folder's lock does: it lasts until the last process has ended.
    await accounts.database.disconnect()


class _Supervisor:
    def __init__(self, board: Board, listener: socket.socket, serve: Serve) -> None:
        self._board = board
        self._listener = listener
        self._serve = serve
        self._processes: dict[int, BaseProcess] = {}
        self._due: dict[int, float] = dict.fromkeys(range(board.rows), 0.0)
        self._failures = 0
        self._has_served = False
        # Nobody writes to it: it ends for the processes when the supervisor does, whatever ended it.
        self._lifeline, self._own_end = os.pipe()

    def run(self) -> int:
        """Fork, watch and replace; at the end let all drain."""
        with _held_back():
            while True:
                self._fork_due()
                number = signal.sigtimedwait(_SIGNALS, self._pause_seconds())
                if number is not None and number.si_signo in _ENDINGS:
                    return self._drain(number.si_signo)
                code = self._bury()
                self._reap_strangers()
                if code:
                    self._drain(signal.SIGTERM)
                    return code

    def _fork_due(self) -> None:
        now = time.monotonic()
        for row in [row for row, at in self._due.items() if at <= now]:
            del self._due[row]
            process = multiprocessing.get_context("fork").Process(target=self._be, args=(row,), name=f"serving-{row}")
            process.start()
            self._processes[row] = process

    def _be(self, row: int) -> None:
        """The forked process: serves."""
        for number in _ENDINGS:
            # uvicorn raises the signal again once it has drained: a clean end is exit code 0, not death by signal.
            signal.signal(number, lambda *_: sys.exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(self._own_end)
        self._serve(Seat(self._board, row, self._lifeline))

    def _pause_seconds(self) -> float:
        """Until a process is to be forked, and now and again to see how they are."""
        return max(0.0, min([1.0, *(at - time.monotonic() for at in self._due.values())]))

    def _bury(self) -> int:
        """Free what dead processes held and order others; an exit code where this server can't start at all."""
        self._has_served = self._has_served or any(self._board.column(Cell.READY))
        for row, process in list(self._processes.items()):
            code = process.exitcode
            if code is None:
                continue
            has_served = bool(self._board.read(row, Cell.READY))
            self._forget(row)
            if code > 0 and not self._has_served:
                return code
            self._failures = 0 if has_served or code == 0 else self._failures + 1
            pause = _PAUSES_SECONDS[min(self._failures, len(_PAUSES_SECONDS)) - 1] if self._failures else 0.0
            self._due[row] = time.monotonic() + pause
            _log.error("a serving process ended with code %d; another one takes its place", code)
        return 0

    def _reap_strangers(self) -> None:
        """Reap what others left behind: in a container the supervisor may be everybody's last parent."""
        own = {process.pid for process in self._processes.values()}
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if ended.si_pid in own:  # it ended just now, and is buried in the next round
                    return
                os.waitpid(ended.si_pid, 0)

    def _forget(self, row: int) -> None:
        self._processes.pop(row).close()
        self._board.clear(row)

    def _drain(self, number: int) -> int:
        """Nothing new is taken in, what is at work may finish; 0 where nobody had to be killed."""
        self._listener.close()
        self._tell(number)
        end = time.monotonic() + _PATIENCE_SECONDS
        while self._processes and time.monotonic() < end:
            again = signal.sigtimedwait(_SIGNALS, 0.5)
            if again is not None and again.si_signo in _ENDINGS:
                self._tell(again.si_signo)
            for row, process in list(self._processes.items()):
                if process.exitcode is not None:
                    self._forget(row)
        for process in self._processes.values():
            process.kill()
            process.join()
        return 1 if self._processes else 0

    def _tell(self, number: int) -> None:
        for process in self._processes.values():
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Signals wait until they are asked for."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

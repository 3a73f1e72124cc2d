"""Names to addresses, in threads of our own: a name server that does not answer holds nobody else up.

The system's resolver can't be told to stop, and asked through the loop it shares a handful of threads with
everything else that resolves a name or waits for a disk. Here each use has its own threads, a lookup that takes
too long is left behind, and one caller can't take them all. The threads are daemons: the process does not wait for
them at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixlean.domain.share import owner

_MOST_CHARACTERS = 253

Answer = Sequence[tuple[Any, Any, int, str, tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How many lookups may run at a time, how many of them for one caller, and how long one may take."""

    most: int = 128
    share: int = 48
    seconds: float = 5.0


class NameCrowd(OSError):
    """More names are being looked up than there is room for."""


class NameLate(OSError):
    """A name was not resolved in time."""


class HostNames:
    """The lookups of one use. Those who ask for the same name at the same time share one lookup."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._shares: Counter[str] = Counter()

    async def resolve(self, host: str) -> Answer:
        """What the system says of a name, for streams. Raises ``NameCrowd``, ``NameLate`` and the system's errors."""
        name = host.lower()
        if len(name) > _MOST_CHARACTERS + 1:
            raise socket.gaierror(socket.EAI_NONAME, "the name is too long")
        asked = self._asked.get(name) or self._ask(name)
        try:
            async with asyncio.timeout(self._settings.seconds):
                return await asyncio.shield(asked)
        except TimeoutError:
            raise NameLate("the name was not resolved in time") from None

    def _ask(self, name: str) -> asyncio.Future[Answer]:
        who = owner()
        if len(self._asked) >= self._settings.most or self._shares[who] >= self._settings.share:
            raise NameCrowd("too many names are being resolved")
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer | None, error: OSError | UnicodeError | None) -> None:
            self._asked.pop(name, None)
            self._shares[who] -= 1
            if not self._shares[who]:
                del self._shares[who]
            if error is None:
                asked.set_result(answer or ())
            else:
                asked.set_exception(error)
                asked.exception()  # whoever asked may have left long ago

        def look() -> None:
            answer: Answer | None = None
            failure: OSError | UnicodeError | None = None
            try:
                answer = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, answer, failure)

        self._asked[name] = asked
        self._shares[who] += 1
        try:
            threading.Thread(target=look, daemon=True, name="pixlean-names").start()
        except RuntimeError:
            settle(None, NameCrowd("no thread can be started"))
        return asked

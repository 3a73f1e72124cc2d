"""Receivers that do not answer are left alone for a while: nobody waits for them again and again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

_OPENS_AFTER = 5
_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 300.0
_MOST_HOSTS = 10_000


@dataclass
class _Host:
    failures: int = 0
    closed_until: float = 0.0
    pause_seconds: float = _FIRST_PAUSE_SECONDS


class Circuits:
    """One for each host and port: after some failures in a row it is asked once a pause, and each pause is longer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def pause(self, url: str) -> float:
        """How long a host is to be left alone; 0 where it may be asked, which one caller is told after each pause."""
        host = self._hosts.get(_place(url))
        if host is None or host.failures < _OPENS_AFTER:
            return 0.0
        left = host.closed_until - self._clock()
        if left > 0:
            return left
        host.closed_until = self._clock() + host.pause_seconds  # this one tries; the others wait for what comes of it
        return 0.0

    def answered(self, url: str) -> None:
        """The host answered, whatever it said."""
        self._hosts.pop(_place(url), None)

    def failed(self, url: str) -> None:
        """The host did not answer."""
        place = _place(url)
        host = self._hosts.setdefault(place, _Host())
        self._hosts.move_to_end(place)
        host.failures += 1
        if host.failures >= _OPENS_AFTER and self._clock() >= host.closed_until - host.pause_seconds / 2:
            host.closed_until = self._clock() + host.pause_seconds
            host.pause_seconds = min(2 * host.pause_seconds, _LONGEST_PAUSE_SECONDS)
        while len(self._hosts) > _MOST_HOSTS:
            self._hosts.popitem(last=False)


def _place(url: str) -> str:
    return urlsplit(url).netloc.lower()

"""How many connections may be open, in all and from one address, and which makes way when it is full."""

from __future__ import annotations

import resource
from collections import Counter, OrderedDict
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from pixlean.web.callers import counted_address, is_trusted

# Descriptors that are not connections: listeners, the database, logs, Redis, children and their channels.
_MOST_LINGERING = 16
_RESERVED = 64 + _MOST_LINGERING
# A connection at work has a file for what it sends and one for what it gets.
_FILES_A_CONNECTION = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``most`` connections in all, ``most_per_address`` of one address (IPv6: /64); 0 is as many as there can be.

    Addresses of trusted proxies speak for many and are only counted in all.
    """

    most: int = 0
    most_per_address: int = 1024
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class Guest(Protocol):
    """A connection."""

    def make_way(self) -> None:
        """Close at once: nothing is at work."""


def raise_descriptors() -> int:
    """Let this process open as many files as it may, and say how many: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1 << 20) if hard != resource.RLIM_INFINITY else 1 << 20
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            pass  # some systems promise more than they give
    return soft


class Doors:
    """Counts the connections of this process.

    Those that wait for a request, or have not finished its head, are idle; where it is full, the one that has been
    idle for longest makes way for a new one. Who holds connections without asking anything shuts nobody out.
    """

    def __init__(self, settings: Settings, descriptors: int) -> None:
        self._settings = settings
        possible = max(16, (descriptors - _RESERVED) // _FILES_A_CONNECTION)
        self._most = min(settings.most, possible) if settings.most else possible
        self._idle: OrderedDict[Guest, str] = OrderedDict()
        self._inside: dict[Guest, str] = {}
        self._by_address: Counter[str] = Counter()
        self._lingering: set[Guest] = set()
        self.refused = 0

    @property
    def inside(self) -> int:
        """Connections that are open now."""
        return len(self._inside)

    def enter(self, guest: Guest, address: str) -> bool:
        """Let a connection in; ``False`` where it is full of connections at work."""
        counted = "" if is_trusted(address, self._settings.trusted_proxies) else counted_address(address)
        most = self._settings.most_per_address
        if counted and most and self._by_address[counted] >= most and not self._vacate(counted):
            self.refused += 1
            return False
        if len(self._inside) >= self._most and not self._vacate(None):
            self.refused += 1
            return False
        self._inside[guest] = counted
        self._by_address[counted] += 1
        self._idle[guest] = counted
        return True

    def leave(self, guest: Guest) -> None:
        """A connection has ended; one that was not let in, or has left before, is no error."""
        self._idle.pop(guest, None)
        self._lingering.discard(guest)
        counted = self._inside.pop(guest, None)
        if counted is not None:
            self._by_address[counted] -= 1
            if not self._by_address[counted]:
                del self._by_address[counted]

    def may_linger(self, guest: Guest) -> bool:
        """Whether one that was not let in may stay until it has read why: so many as descriptors are kept for that."""
        self._lingering.add(guest)
        return len(self._lingering) <= _MOST_LINGERING

    def at_work(self, guest: Guest) -> None:
        """A request has begun."""
        self._idle.pop(guest, None)

    def at_rest(self, guest: Guest) -> None:
        """A request was answered."""
        if guest in self._inside:
            self._idle[guest] = self._inside[guest]

    def _vacate(self, address: str | None) -> bool:
        """Close the connection that has been idle for longest, of one address where it is named."""
        for guest, counted in self._idle.items():
            if address is None or counted == address:
                self.leave(guest)
                guest.make_way()
                return True
        return False

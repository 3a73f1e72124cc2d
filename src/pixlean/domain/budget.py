"""How many bytes of strangers may lie in memory: taken before they are read, given back when they are gone."""

from __future__ import annotations

from collections import Counter

from pixlean.domain.errors import Unavailable
from pixlean.domain.places import OwnPlaces, Places
from pixlean.domain.share import owner

# What one caller may hold of all: a quiet one finds room beside a noisy one.
_SHARE = 0.75


class Hold:
    """What one file holds of a budget, until it is released."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self._owner = owner()
        self._held = 0

    def reach(self, size_bytes: int) -> None:
        """Hold so many bytes in all, at least. Raises ``Unavailable`` where there is no room."""
        if size_bytes > self._held:
            self._budget.take(self._owner, size_bytes - self._held)
            self._held = size_bytes

    def release(self) -> None:
        """Give everything back; a second time does nothing."""
        held, self._held = self._held, 0
        if held:
            self._budget.give(self._owner, held)


class ByteBudget:
    """The bytes that all uploads and fetched files of a server may hold together.

    ``held`` counts them where it has several processes; what one caller has of them each process counts for itself.
    """

    def __init__(self, most_bytes: int, held: Places | None = None) -> None:
        self._most = most_bytes
        self._held = held or OwnPlaces()
        self._by_owner: Counter[str] = Counter()

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return self._held.used

    def hold(self) -> Hold:
        """A hold on nothing yet, of the caller who is worked for now."""
        return Hold(self)

    def take(self, who: str, size_bytes: int) -> None:
        """Raise ``Unavailable`` where so much is not left in all, or of the caller's share."""
        # A single file that is larger than a share must still fit where nothing else is held.
        share = max(self._most * _SHARE, size_bytes) if not self._by_owner[who] else self._most * _SHARE
        if self._by_owner[who] + size_bytes > share or not self._held.take(self._most, size_bytes):
            raise Unavailable("the server holds as many uploads as it can", facts={"retry_after": 1})
        self._by_owner[who] += size_bytes

    def give(self, who: str, size_bytes: int) -> None:
        """Take bytes back."""
        self._held.give(size_bytes)
        self._by_owner[who] -= size_bytes
        if self._by_owner[who] <= 0:
            del self._by_owner[who]

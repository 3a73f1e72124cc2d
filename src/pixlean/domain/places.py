"""What is taken where it is free and never waited for: places in the queue, bytes of uploads."""

from __future__ import annotations

from typing import Protocol


class Places(Protocol):
    """Who counts what is taken: this process, or the board of several (``share.supply``)."""

    @property
    def used(self) -> int:
        """How many are taken."""

    def take(self, most: int, amount: int = 1) -> bool:
        """Take some, unless more than ``most`` would then be taken."""

    def give(self, amount: int = 1) -> None:
        """Give some back."""


class OwnPlaces:
    """``Places`` of the only process."""

    def __init__(self) -> None:
        self.used = 0

    def take(self, most: int, amount: int = 1) -> bool:
        """Take some, unless more than ``most`` would then be taken."""
        if self.used + amount > most:
            return False
        self.used += amount
        return True

    def give(self, amount: int = 1) -> None:
        """Give some back."""
        self.used -= amount

"""Who asks, and on what terms."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """What a key pays. DEV is everybody where no key is configured."""

    DEV = "dev"
    FREE = "free"
    PAID = "paid"
    PAYG = "payg"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the id that usage is counted under, and the tier."""

    key_id: str
    name: str
    tier: Tier

    @property
    def is_known(self) -> bool:
        """Whether a key was shown."""
        return self.tier is not Tier.DEV


DEVELOPER = Caller(key_id="dev", name="dev", tier=Tier.DEV)

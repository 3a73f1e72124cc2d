"""What a metered API gives for nothing, and what it asks for more."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.caller import Tier


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """``included`` a month; then ``steps`` of (up to this many a month, millionths of a US dollar each), the last open.

    ``meter`` is the name that it is counted under, ``unit`` what its API calls one. ``capped`` tiers get no more than
    what is included.
    """

    meter: str
    unit: str = "requests"
    included: int | None = None
    steps: tuple[tuple[int | None, int], ...] = ()
    capped: frozenset[Tier] = frozenset({Tier.FREE})

    def limit(self, tier: Tier) -> int | None:
        """The most that a tier may use in a month, or ``None``."""
        return self.included if tier in self.capped else None

    def overage(self, used: int, tier: Tier) -> int:
        """How many of ``used`` are paid for: none in dev mode."""
        return 0 if self.included is None or tier is Tier.DEV else max(0, used - self.included)

    def cost_micro_usd(self, used: int, tier: Tier) -> int:
        """What the overage costs."""
        if not self.overage(used, tier):
            return 0
        cost, below = 0, self.included or 0
        for top, price in self.steps:
            upper = used if top is None else min(used, top)
            cost += max(0, upper - below) * price
            below = max(below, upper)
        return cost

"""What each metered API gives for nothing, and what it asks for more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pixlean.domain.caller import Plan


class Meter(StrEnum):
    """What is counted: one for each API that counts."""

    OPTIPIC = "optipic"
    TINIFY = "tinify"
    PICWISH = "picwish"


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """``included`` a month; then tiers of (up to this many a month, millionths of a US dollar each), the last open.

    ``capped`` plans get no more than what is included.
    """

    included: int | None = None
    tiers: tuple[tuple[int | None, int], ...] = ()
    capped: frozenset[Plan] = frozenset({Plan.FREE})

    def limit(self, plan: Plan) -> int | None:
        """The most that a plan may use in a month, or ``None``."""
        return self.included if plan in self.capped else None

    def overage(self, used: int, plan: Plan) -> int:
        """How many of ``used`` are paid for: none in dev mode."""
        return 0 if self.included is None or plan is Plan.DEV else max(0, used - self.included)

    def cost_micro_usd(self, used: int, plan: Plan) -> int:
        """What the overage costs."""
        if not self.overage(used, plan):
            return 0
        cost, below = 0, self.included or 0
        for top, price in self.tiers:
            upper = used if top is None else min(used, top)
            cost += max(0, upper - below) * price
            below = max(below, upper)
        return cost


TARIFFS: dict[Meter, Tariff] = {
    # seeds/optipic.txt, "Rate limits": 500 free, $0.009 to 10 000, then $0.002.
    Meter.OPTIPIC: Tariff(included=500, tiers=((10_000, 9_000), (None, 2_000))),
    # 500 compressions a month are free; others are not sold here.
    Meter.TINIFY: Tariff(included=500),
    Meter.PICWISH: Tariff(),
}

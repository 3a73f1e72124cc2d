"""What the PicWish dialect promises on its own (PicWish's documentation, "Guidelines and Limits")."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.access.tariffs import Tariff
from pixlean.domain.task import Price

TARIFF = Tariff(meter="picwish", unit="credits")
# "Guidelines and Limits", 6: two units from beyond 4096 pixels on.
PRICE = Price(meter=TARIFF.meter, units=1, large_px=4096, large_units=2)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Its limits; nothing of them is the operator's."""

    max_file_bytes: int = 20 << 20
    max_side_px: int = 8000
    keep_seconds: float = 3600.0

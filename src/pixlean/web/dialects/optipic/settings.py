"""What the OptiPic dialect promises on its own."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.access.tariffs import Tariff

# OptiPic's documentation, "Rate limits": 500 free, $0.009 to 10 000, then $0.002.
TARIFF = Tariff(meter="optipic", included=500, steps=((10_000, 9_000), (None, 2_000)))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Its limits; nothing of them is the operator's."""

    max_file_bytes: int = 20 << 20  # OptiPic's documentation: "File exceeds 20 MB limit"

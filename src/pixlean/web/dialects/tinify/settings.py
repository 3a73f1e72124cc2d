"""What the Tinify dialect counts."""

from __future__ import annotations

from pixlean.access.tariffs import Tariff

# 500 compressions a month are free; others are not sold here.
TARIFF = Tariff(meter="tinify", unit="compressions", included=500)

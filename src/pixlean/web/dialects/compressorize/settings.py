"""What the Compressorize dialect promises on its own (Compressorize's documentation, "Rate limits")."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.settings import setting, whole


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Requests a minute by plan, 0 is unlimited; from ``inline_bytes`` on a picture becomes a job."""

    free_rpm: int = setting(
        "COMPRESSORIZE_FREE_RPM", "20", whole(0), "Compressorize: requests a minute, plan free; 0 is unlimited"
    )
    paid_rpm: int = setting("COMPRESSORIZE_PAID_RPM", "100", whole(0), "Compressorize: the same for all other plans")
    max_file_bytes: int = 25 << 20
    inline_bytes: int = 2 << 20
    keep_seconds: float = 24 * 3600.0

"""How one encoder is to write one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """``quality`` 1-100 on the encoder's own scale; ``lossless`` where every pixel must stay.

    ``effort`` 0 (quick) to 9 (small), ``None`` for what pays; ``careful`` spends
    time on bytes at equal looks (progressive scans, sharp chroma). ``exif`` is a body to be written along, or ``None``.
    """

    quality: int = 80
    lossless: bool = False
    effort: int | None = None
    progressive: bool = False
    careful: bool = False
    exif: bytes | None = None

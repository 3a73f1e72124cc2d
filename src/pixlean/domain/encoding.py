"""How one encoder is to write one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """``quality`` 1-100 on the encoder's own scale; ``lossless`` where every pixel must stay.

    ``effort`` 0 (quick) to 9 (small), ``None`` for what pays. ``exif`` is a body to be written along, or ``None``.
    """

    quality: int = 80
    lossless: bool = False
    effort: int | None = None
    progressive: bool = False
    exif: bytes | None = None

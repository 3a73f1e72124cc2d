"""How one encoder is to write one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """``quality`` 1-100 on the encoder's own scale; ``lossless`` where every pixel must stay.

    ``effort`` 0 (quick) to 9 (small), ``None`` for what pays; ``careful`` spends
    time on bytes at equal looks (sharp chroma). ``progressive`` scans, or not, or ``None`` for what is smaller.
    ``exif`` is a body to be written along, or ``None``;
    ``density_dpi`` are dots per inch.
    """

    quality: int = 80
    lossless: bool = False
    effort: int | None = None
    progressive: bool | None = None
    careful: bool = False
    exif: bytes | None = None
    density_dpi: tuple[float, float] | None = None

"""How one encoder is to write one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """``quality`` 1-100 on the encoder's own scale, fractions count; ``lossless`` where every pixel must stay.

    A ``draft`` only wants to be looked at: the same pixels, packed quickly where packing does not change them.
    ``effort`` 0 (quick) to 9 (small), ``None`` for what pays; ``careful`` spends time on bytes at equal looks (sharp
    chroma). One that is ``alone`` is part of no search: a smaller file that looks no worse may stand for it.
    ``whole_chroma`` where colours keep their full size. ``progressive`` scans, or not, or ``None`` for what is
    smaller. ``exif`` is a body to be written along, or ``None``; ``density_dpi`` are dots per inch.
    """

    quality: float = 80
    lossless: bool = False
    draft: bool = False
    effort: int | None = None
    progressive: bool | None = None
    careful: bool = False
    alone: bool = False
    whole_chroma: bool = False
    exif: bytes | None = None
    density_dpi: tuple[float, float] | None = None

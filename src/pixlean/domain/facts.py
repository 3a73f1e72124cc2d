"""What a picture is, for people and for pages: its header, and a few values of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.formats import Format


@dataclass(frozen=True, kw_only=True)
class Facts:
    """``width_px`` and ``height_px`` are upright. ``quality`` is the encoder's, where the file tells it.

    ``profile`` is the colour profile's own name, empty without one. ``metadata`` names the kinds that are there.
    ``palette`` are its main colours as ``#rrggbb``, six at most, the first of which is the ``dominant_colour``.
    ``thumbhash`` (some 25 bytes in base64) and ``blurhash`` are blurred pictures, ``lqip`` is a tiny WebP as a data
    URL: all three are for pages to show until the picture is loaded.
    """

    format: Format
    size_bytes: int
    width_px: int
    height_px: int
    mode: str
    bit_depth: int
    has_alpha: bool
    orientation: int
    frames: int
    pages: int
    duration_ms: int
    loop_count: int | None
    profile: str
    metadata: tuple[str, ...]
    lossless: bool | None
    quality: int | None
    chroma_subsampling: str | None
    progressive: bool
    dominant_colour: str
    palette: tuple[str, ...]
    blurhash: str
    thumbhash: str
    lqip: str

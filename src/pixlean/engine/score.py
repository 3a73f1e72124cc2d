"""How alike two files look."""

from __future__ import annotations

from pixlean.domain.edits import NO_EDITS
from pixlean.engine.probe import open_source
from pixlean.imaging.edit import as_8_bit, edited
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Picture


def score(original: bytes, other: bytes) -> float:
    """The SSIMULACRA2 of two files as a viewer shows them. Raises ``PixleanError``, ``ValueError`` for other sizes."""
    before, after = as_8_bit(_shown(original)), as_8_bit(_shown(other))
    if before.size_px != after.size_px:
        raise ValueError(f"the pictures have different sizes: {before.size_px} and {after.size_px}")
    both = min(len(before.frames), len(after.frames))
    return Judge(before.frames[:both]).score(after.frames[:both])


def _shown(data: bytes) -> Picture:
    source = open_source(data)
    return edited(source.codec, data, source.info, NO_EDITS)

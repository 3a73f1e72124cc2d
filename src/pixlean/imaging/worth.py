"""What a loss is worth: the one table of what it must save and how it must at least look, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.image import ImageInfo
from pixlean.domain.recipe import Strength

# (quality, SSIMULACRA2) on usual photographs, in straight pieces.
Curve = tuple[tuple[float, float], ...]

# The look that the recipe's quality stands for, in every format: that of a JPEG of this quality. Medians over two dozen
# photographs.
QUALITY_LOOKS: Curve = ((45, 60.5), (60, 67.7), (70, 72.5), (80, 77.5), (90, 86.4))
# "No visible difference at normal viewing": between SSIMULACRA2's 70 (high quality) and 90 (visually lossless).
SMART_SCORE = 80.0
# With several formats to choose from, what is lossless anyway is not asked for.
MOST_WANTED_SCORE = 95.0


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a lossy result must save, as a share of the original, and the SSIMULACRA2 it must keep (``None``: any)."""

    must_gain: float = 0.0
    floor_score: float | None = None


NO_LOSS = Loss()

_FLOORS = {Strength.HIGH: 25.0, Strength.MEDIUM: 45.0, Strength.LOW: 60.0}


def _again(high: float, medium: float, low: float) -> dict[Strength, Loss]:
    gains = {Strength.HIGH: high, Strength.MEDIUM: medium, Strength.LOW: low}
    return {strength: Loss(must_gain=gain, floor_score=_FLOORS[strength]) for strength, gain in gains.items()}


# A lossy picture encoded once more in its own format: the gentler the strength, the more it must save, because who asks
# for a high quality has more to lose. Below the floors the eye finds a wrong picture, not a compressed one.
AGAIN = _again(0.05, 0.08, 0.12)
# WebP's own tables can't be seen, and its second generations wear less than those of the newer formats.
AGAIN_WEBP = _again(0.05, 0.08, 0.10)
# A JPEG tells its quality, so that only those are encoded again that were saved at a better one; the repack, which
# loses nothing, saves about as much as this by itself.
AGAIN_JPEG = Loss(must_gain=0.07)
# Errors that LZW likes: under this the exact packing does as well. The score is that of the worst frame.
AGAIN_GIF = {
    Strength.HIGH: Loss(must_gain=0.03, floor_score=60.0),
    Strength.MEDIUM: Loss(must_gain=0.03, floor_score=66.0),
}
# 256 colours. The floors are what pngquant keeps at the speeds that its users choose; from quality 70 on it is what
# SSIMULACRA2 calls a high quality: below it a PNG stays lossless.
PALETTE = {
    Strength.HIGH: Loss(must_gain=0.02, floor_score=45.0),
    Strength.MEDIUM: Loss(must_gain=0.02, floor_score=60.0),
    Strength.LOW: Loss(must_gain=0.02, floor_score=70.0),
}
# A resized drawing keeps to as few colours as it came with where it would outgrow its source otherwise.
LEAST_PALETTE_SCORE = 45.0
# A palette chosen once more. Its own result, quantised again at the same strength, became up to 31 % smaller on three
# dozen pictures, so that less is only wear. The floors are one strength higher: what the first palette cost is not
# known. A gentle strength asks for the picture as it is.
_GAIN_OVER_PALETTE = 0.35
PALETTE_AGAIN = {
    Strength.HIGH: Loss(must_gain=_GAIN_OVER_PALETTE, floor_score=60.0),
    Strength.MEDIUM: Loss(must_gain=_GAIN_OVER_PALETTE, floor_score=70.0),
}
# A BMP without loss is three bytes a pixel: its palettes always save, and may look a little worse than a PNG's.
PALETTE_BMP = {Strength.HIGH: Loss(floor_score=40.0), Strength.MEDIUM: Loss(floor_score=55.0)}
# JPEG pages in a TIFF, ten qualities above the recipe's, which save nine tenths.
JPEG_IN_TIFF = {
    Strength.HIGH: Loss(must_gain=0.05, floor_score=25.0),
    Strength.MEDIUM: Loss(must_gain=0.05, floor_score=45.0),
}

# A file that says its quality is worn where the wanted one is no lower: encoding again would only add a generation.
# Three steps, since a table's quality can only be told that well.
_WORN_WITHIN = 3
# What an encode must save over the same pixels repacked. Of a file that tells its quality that is known to be room;
# what others were encoded at is not known, and encoding again at the same score saves up to a third: less is no sign.
_GAIN_OVER_REPACK, _GAIN_OVER_REPACK_UNTOLD = 0.20, 0.40


def is_worn(info: ImageInfo, quality: int) -> bool:
    """Whether a lossy file is known to be no better than ``quality`` on its own format's scale."""
    return info.quality is not None and is_worn_at(info.quality, quality)


def is_worn_at(known: int, quality: int) -> bool:
    """Whether what was encoded at ``known`` is no better than ``quality``, on the same scale."""
    return known <= quality + _WORN_WITHIN


def beats_palette(encoded_bytes: int, repacked_bytes: int) -> bool:
    """Whether choosing a palette again saves enough over the pixels of the first one, packed anew."""
    return encoded_bytes <= (1 - _GAIN_OVER_PALETTE) * repacked_bytes


def beats_repack(info: ImageInfo, encoded_bytes: int, repacked_bytes: int) -> bool:
    """Whether a lossy encode of a lossy picture saves enough over what keeps the picture's own pixels."""
    gain = _GAIN_OVER_REPACK_UNTOLD if info.quality is None else _GAIN_OVER_REPACK
    return encoded_bytes <= (1 - gain) * repacked_bytes

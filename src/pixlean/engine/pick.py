"""The whole policy of choice: one sort key over trials, targets and the original."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pixlean.domain.formats import Format, still_of
from pixlean.domain.image import ImageInfo
from pixlean.imaging.contract import Trial
from pixlean.imaging.pixels import Picture
from pixlean.imaging.worth import beats_repack, is_worn


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One possible answer.

    ``trial`` made the bytes out of the source's own file, ``picture`` is what they were encoded from; the original has
    neither. ``quality`` is the encoder's where one was chosen. ``obeys`` says whether a wanted score or size was
    reached; ``look`` is worse the higher, and told only where a size was asked for and the best look within it wins.
    """

    data: bytes
    format: Format
    method: str
    rank: int = 0
    trial: Trial | None = None
    picture: Picture | None = None
    quality: int | None = None
    encodes: int = 0
    score: float | None = None
    obeys: bool = True
    look: tuple[float, float] = (0.0, 0.0)

    @property
    def is_untouched(self) -> bool:
        """Whether the source's own pixels are in it."""
        return self.picture is None

    def keeps_all(self, target: Format) -> bool:
        """Whether it holds every pixel of the source in this format."""
        return self.trial is not None and self.trial.lossless and still_of(self.format) is target


def best_bytes(candidates: tuple[Candidate, ...]) -> float:
    """The smallest size of those that obey, of all but the original; infinite where there is none."""
    made = (each for each in candidates if each.obeys and (each.trial is not None or each.picture is not None))
    return min((len(each.data) for each in made), default=math.inf)


# The look of the source's own pixels: nothing that was encoded anew looks as good.
PERFECT_LOOK = (float("-inf"), 0.0)


def order(candidate: Candidate) -> tuple[bool, tuple[float, float], int, int]:
    """What obeys, then what looks better where that was asked, then the smaller, then the earlier in the plan."""
    return (not candidate.obeys, candidate.look, len(candidate.data), candidate.rank)


def by_preference(candidates: tuple[Candidate, ...], info: ImageInfo) -> list[Candidate]:
    """The candidates, best first.

    Where the smallest encode of a lossy source is not worth its loss of a generation, the source's own pixels come
    first: the other encodes look the same and are larger.
    """
    untouched = sorted((each for each in candidates if each.is_untouched), key=order)
    encoded = sorted((each for each in candidates if not each.is_untouched), key=order)
    if untouched and encoded and not _worth_its_loss(encoded[0], untouched[0], info):
        return untouched + encoded
    return sorted(candidates, key=order)


def _worth_its_loss(encoded: Candidate, untouched: Candidate, info: ImageInfo) -> bool:
    if encoded.quality is None or info.lossless is True:
        return True
    if encoded.format is info.format and is_worn(info, encoded.quality):
        return False
    return beats_repack(info, len(encoded.data), len(untouched.data))

"""A candidate that is said to be right, with all that it is judged by."""

from __future__ import annotations

from functools import cached_property

from pixlean.domain.formats import FORMATS
from pixlean.domain.image import ImageInfo
from pixlean.engine.eyes import compared
from pixlean.engine.pick import Candidate
from pixlean.engine.plan import Plan
from pixlean.engine.registry import codec_for
from pixlean.imaging.contract import Source
from pixlean.imaging.pixels import Array, Picture


class Claim:
    """One candidate, its source, and what its own header says; decoded once, on first use."""

    def __init__(self, source: Source, plan: Plan, candidate: Candidate, after: ImageInfo) -> None:
        self.source = source
        self.plan = plan
        self.candidate = candidate
        self.before = source.info
        self.after = after

    @cached_property
    def shown(self) -> tuple[Array, ...]:
        """The result's frames. Raises ``PixleanError``."""
        return tuple(codec_for(self.after.format).frames(self.candidate.data))

    @cached_property
    def seen(self) -> tuple[str | None, float | None]:
        """What a look at the untouched file's pixels tells: what is wrong, and the worst score."""
        trial = self.candidate.trial
        if trial is None or FORMATS[self.before.format].vector:
            return None, None  # a drawing's codec rendered, compared and sanitised its own result
        needed = not trial.lossless and trial.loss.floor_score is None
        return compared(self.source, trial, self.candidate.data, elsewhere=needed and self.elsewhere is not None)

    @cached_property
    def elsewhere(self) -> tuple[Array, ...] | None:
        """The source as another library shows it; ``None`` where there is none or it can't read the file."""
        eyes = self.source.codec.eyes
        return None if eyes is None else eyes(self.source.data)

    @property
    def picture(self) -> Picture:
        """What a target was encoded from."""
        assert self.candidate.picture is not None
        return self.candidate.picture

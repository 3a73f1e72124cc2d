"""The whole codec contract on one page.

Order of calls: ``probe`` (header only, refuses before decoding) → ``trials`` (pure) → ``run`` for each
trial, given one ``Source`` whose pixels are decoded once and shared → ``decode`` on the result, to verify.
An estimate asks for ``forecast`` where compressing asks for ``run``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from pixlean.domain.estimate import Forecast
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial
from pixlean.domain.recipe import Recipe
from pixlean.imaging.pixels import Array, Picture


class Codec(Protocol):
    """One format. A codec module satisfies this with plain functions."""

    def probe(self, data: bytes, limits: Limits) -> ImageInfo:
        """Read the header. Raises ``BadImage`` and ``LimitExceeded``."""

    def trials(self, info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
        """What is worth trying, in order."""

    def frames(self, data: bytes) -> Iterator[Array]:
        """Frames or pages one by one, as a player shows them, orientation not applied. Raises ``BadImage``."""

    def decode(self, data: bytes) -> Picture:
        """All frames or pages at once."""

    def run(self, source: Source, trial: Trial, recipe: Recipe) -> bytes:
        """The bytes of one trial. May raise anything: the trial is then dropped."""

    def forecast(self, source: Source, trial: Trial, recipe: Recipe) -> Forecast:
        """The size that ``run`` would give, in a fraction of its time where it takes long; raises as it does."""


class Source:
    """The picture that the trials of one plan share: bytes, header, and pixels decoded on first use."""

    def __init__(self, codec: Codec, data: bytes, info: ImageInfo) -> None:
        self.data = data
        self.info = info
        self._codec = codec

    @cached_property
    def picture(self) -> Picture:
        """The decoded picture."""
        return self._codec.decode(self.data)


def replace_picture(source: Source, frame: Array) -> Source:
    """The same source with another picture in it: what a trial makes of a sample."""
    info = replace(source.info, width_px=frame.shape[1], height_px=frame.shape[0])
    made = Source(source._codec, source.data, info)
    made.__dict__["picture"] = replace(source.picture, frames=(frame,))
    return made


class DropTrial(Exception):
    """A trial that turns out to be of no use for this picture; its text is the evidence."""

"""The whole codec contract on one page.

Order of calls: ``probe`` (header only, refuses before decoding) → ``trials`` (pure) → ``run`` for each
trial, given one ``Source`` whose pixels are decoded once and shared → ``decode`` on the result, to verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

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


class DropTrial(Exception):
    """A trial that turns out to be of no use for this picture; its text is the evidence."""

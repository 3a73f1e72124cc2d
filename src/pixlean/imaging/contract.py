"""The whole codec contract on one page.

A codec is a frozen value at the end of its format's file. Order of calls: ``probe`` (header only, refuses before
decoding) → ``trials`` (pure) → ``make`` of each trial, given one ``Source`` whose pixels are decoded once and shared →
``frames`` of the result, to verify. An estimate asks for ``guess`` where compressing asks for ``make``. What ``writes``
says serves new pixels: conversions, edits, searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pixlean.domain.encoding import Encoding
from pixlean.domain.estimate import Forecast
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging.eyes import Eyes
from pixlean.imaging.metadata import Metadata
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.worth import NO_LOSS, Curve, Loss


class Source:
    """The picture that the trials of one plan share: bytes, header, and pixels decoded on first use."""

    def __init__(self, codec: Codec, data: bytes, info: ImageInfo, picture: Picture | None = None) -> None:
        self.codec = codec
        self.data = data
        self.info = info
        self._picture = picture

    @property
    def picture(self) -> Picture:
        """The decoded picture. Raises ``BadImage``."""
        if self._picture is None:
            self._picture = self.codec.decode(self.data)
        return self._picture

    @property
    def is_decoded(self) -> bool:
        """Whether the picture was asked for, and decoded."""
        return self._picture is not None

    def with_frame(self, frame: Array) -> Source:
        """The same source with another frame in it: what a trial makes of a sample."""
        info = replace(self.info, width_px=frame.shape[1], height_px=frame.shape[0])
        return Source(self.codec, self.data, info, replace(self.picture, frames=(frame,)))


Make = Callable[[Source], bytes]


@dataclass(frozen=True, kw_only=True)
class Knob:
    """What ``max_reduction`` may turn: ``low`` gives the smallest file, ``high`` the largest, ``at`` makes either."""

    low: float
    high: float
    at: Callable[[float], Make]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One thing worth trying, with the functions that do it and forecast it.

    ``method`` is what the caller is told made the bytes, and nothing else. ``make`` may raise anything: the trial is
    then dropped. ``guess`` is the size that it would give, in a fraction of its time where it takes long;
    ``guess_head`` the same from the first bytes of a file of so many bytes. ``lossless`` promises pixel equality, which
    is verified; ``verbatim`` says more: the picture's own data is copied, so that nothing has proved yet that it
    decodes. ``unless_below`` skips the trial once a candidate is smaller than this share of the original. ``can_beat``
    says of a result of the same method that looked too bad whether this trial's could look any better.
    """

    method: str
    make: Make
    guess: Callable[[Source], Forecast]
    guess_head: Callable[[bytes, int], Forecast | None] | None = None
    knob: Knob | None = None
    lossless: bool = False
    verbatim: bool = False
    loss: Loss = NO_LOSS
    unless_below: float | None = None
    can_beat: Callable[[bytes], bool] | None = None


def run_it(make: Make) -> Callable[[Source], Forecast]:
    """The guess of a trial that takes no longer than a forecast would: it is run."""
    return lambda source: Forecast(size_bytes=len(make(source)))


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What a format holds, and how its encoder's quality ``looks``.

    ``alpha``, ``deep`` (more than 8 bits), ``moves`` (frames), ``pages``, ``plays`` (how often they play), ``lossless``
    (an encoder that keeps every pixel), ``lossy`` (one that need not), sides up to ``most_side_px``, ``most_plays``.
    ``palette`` where loss means a choice of colours and nothing else: then ``png_lossy`` decides, and where several
    formats may be chosen it is one for drawings. ``looks_drawn`` is how quality looks on drawings, where that is much
    different. ``usual_share`` are its bytes on photographs at equal look, in those of a JPEG. ``quality_step`` is the
    least difference of qualities that makes another file; ``drafts`` where its encoder has quicker ones;
    ``halves_chroma`` where its encoder may, and need not.
    ``most_region_shift`` is by how much of 255 the mean of a region may move at low qualities, ``None`` where small
    palettes make that any amount.
    """

    looks: Curve
    alpha: bool = True
    deep: bool = False
    moves: bool = False
    pages: bool = False
    plays: bool = False
    lossless: bool = False
    lossy: bool = True
    palette: bool = False
    looks_drawn: Curve | None = None
    usual_share: float = 1.0
    quality_step: float = 1.0
    halves_chroma: bool = False
    drafts: bool = False
    most_side_px: int = 65_535
    most_plays: int = 2**32 - 1
    most_region_shift: float | None = 70.0


@dataclass(frozen=True, kw_only=True)
class Writes:
    """How new pixels (sRGB, upright; uint8 or, where ``abilities`` say so, uint16) are written."""

    encode: Callable[[Picture, Encoding], bytes]
    abilities: Abilities


def _nothing_to_try(_info: ImageInfo, _recipe: Recipe) -> tuple[Trial, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Codec:
    """One format. Optional parts have defaults: the end of a format's file shows what it can.

    ``probe`` reads the header; raises ``BadImage`` and ``LimitExceeded``. ``glimpse`` is asked in its place where only
    the first bytes are there, and it would look at more. ``frames`` gives frames or pages one by one
    as a player shows them, orientation not applied unless ``upright``; raises ``BadImage``. ``picture`` decodes all of
    them where that tells more than they do. ``trials`` is what is worth trying to make the same picture smaller, in
    order; formats that are only read have none. ``writes`` is how new pixels are written. ``with_exif`` gives a file
    another EXIF body, ``metadata`` takes out its EXIF, XMP and IPTC. ``eyes`` show a file as another library does.
    ``shrunk`` decodes at a fraction of the size: given how many times smaller the picture shall be and what must be
    left of that to the resize, a libvips image or ``None``. ``draw`` renders a drawing with its sides at most so many
    pixels. ``resize_file`` gives an animation other sides without leaving its format: with its palettes.
    """

    probe: Callable[[bytes, Limits], ImageInfo]
    frames: Callable[[bytes], Iterator[Array]]
    glimpse: Callable[[bytes, Limits], ImageInfo] | None = None
    picture: Callable[[bytes], Picture] | None = None
    trials: Callable[[ImageInfo, Recipe], tuple[Trial, ...]] = _nothing_to_try
    writes: Writes | None = None
    with_exif: Callable[[bytes, bytes], bytes] | None = None
    metadata: Callable[[bytes], Metadata] | None = None
    eyes: Eyes | None = None
    shrunk: Callable[[bytes, float, float], Any] | None = None
    draw: Callable[[bytes, int, int], Array] | None = None
    resize_file: Callable[[Source, int, int], bytes] | None = None
    upright: bool = False

    def decode(self, data: bytes) -> Picture:
        """All frames or pages at once. Raises ``BadImage``."""
        return self.picture(data) if self.picture is not None else Picture(frames=tuple(self.frames(data)))


class DropTrial(Exception):
    """A trial that turns out to be of no use for this picture; its text is the evidence."""

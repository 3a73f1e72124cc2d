"""The edited picture that all targets are made of, and what is asked of it more than once."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage, LimitExceeded, PixleanError
from pixlean.domain.formats import FORMATS, Format
from pixlean.engine.plan import Plan
from pixlean.engine.registry import writes_of
from pixlean.imaging.chroma import halved
from pixlean.imaging.contract import Source
from pixlean.imaging.edit import as_8_bit, edited, flattened
from pixlean.imaging.metadata import exif_to_carry, selected_exif
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array, Picture, distinct, is_opaque, words_of
from pixlean.imaging.sampling import mosaic
from pixlean.imaging.sizes import size_before_resize

# By so much less than wanted the halved colours have to score before whole ones are sure to be the smaller file.
_CHROMA_DOUBT = 2.0
# Drawn rather than photographed: fewer colours than this share of the pixels.
_FEW_COLOURS = 0.06


class Canvas:
    """One picture, upright, in sRGB and edited, with the recipe that wants it encoded."""

    def __init__(self, picture: Picture, plan: Plan, source: Source, exif: bytes | None) -> None:
        self.picture = picture
        self.plan = plan
        self.recipe = plan.recipe
        self.source_bytes = len(source.data)
        self._exif = exif
        self._source = source
        self._info = source.info
        self._judges: dict[tuple[int, int, tuple[int, ...]], tuple[Picture, Judge]] = {}

    def of(self, picture: Picture) -> Canvas:
        """The same wishes for another picture, as for a part of this one, which carries no metadata."""
        return Canvas(picture, self.plan, self._source, None)

    def judge(self, picture: Picture) -> Judge:
        """The judge of a picture; formats that carry the same picture share one."""
        key = picture.first.ctypes.data, len(picture.frames), picture.first.shape
        if key not in self._judges:
            self._judges[key] = (picture, Judge(picture.frames))
        return self._judges[key][1]

    def wish(
        self, quality: float, *, lossless: bool = False, draft: bool = False, alone: bool = False,
        whole_chroma: bool = False,
    ) -> Encoding:  # fmt: skip
        """How the recipe wants it encoded."""
        recipe = self.recipe
        return Encoding(
            quality=quality,
            lossless=lossless,
            draft=draft,
            alone=alone,
            effort=0 if recipe.preview else recipe.effort,
            progressive=recipe.progressive_jpeg,
            careful=recipe.smart or recipe.min_score is not None or len(recipe.outputs) > 1,
            whole_chroma=whole_chroma,
            exif=self._exif,
            density_dpi=self._info.density_dpi,
        )

    def encoded(
        self, target: Format, picture: Picture, quality: float, *, lossless: bool = False, draft: bool = False,
        alone: bool = False, whole_chroma: bool = False,
    ) -> bytes:  # fmt: skip
        """A picture in a format. Raises what its encoder raises."""
        wish = self.wish(quality, lossless=lossless, draft=draft, alone=alone, whole_chroma=whole_chroma)
        return writes_of(target).encode(picture, wish)

    def needs_whole_chroma(self, picture: Picture, wanted_score: float) -> bool:
        """Whether colours at half the size look worse than wanted by themselves.

        Of photographs 4:4:4 takes fewer bytes from that score on, give or take two points.
        """
        frame = picture.first
        if frame.ndim == 2 or frame.shape[2] != 3 or frame.dtype != np.uint8:
            return False
        return self.judge(picture).score((halved(frame),)) < wanted_score - _CHROMA_DOUBT

    def source_quality(self, target: Format) -> int | None:
        """What the source was encoded at, where it has the target's format and tells."""
        return self._info.quality if self._info.format is target else None

    def for_format(self, target: Format) -> Picture:
        """The picture as the target can carry it: alpha over the background, 8 bits, the first frame, fewer plays."""
        abilities, picture = writes_of(target).abilities, self.picture
        if not (abilities.moves if picture.durations_ms else abilities.pages or abilities.moves):
            picture = replace(picture, frames=picture.frames[:1], durations_ms=())
        if picture.plays is not None and picture.plays > abilities.most_plays:
            picture = replace(picture, plays=abilities.most_plays)
        if not abilities.alpha:
            picture = flattened(picture, self.recipe.background)
        if not abilities.deep or picture.durations_ms:  # no encoder takes animations of more than 8 bits
            picture = as_8_bit(picture)
        return picture

    @cached_property
    def has_alpha(self) -> bool:
        """Whether anything of the picture is transparent."""
        return not all(is_opaque(frame) for frame in self.picture.frames)

    @cached_property
    def has_few_colours(self) -> bool:
        """Whether the picture is drawn rather than photographed: few colours in proportion to its pixels."""
        frame = self.picture.first
        part = mosaic(frame, tile_px=64, most_px=65_536)
        words = words_of(frame if part is None else part)
        return distinct(words) < _FEW_COLOURS * words.size

    @cached_property
    def before_resize(self) -> Array | None:
        """The frame of a lossless still as the picture was before its resize, and edited otherwise."""
        info = self._info
        if info.frames > 1 or info.bit_depth > 8 or not info.lossless or FORMATS[info.format].vector:
            return None
        edits = replace(self.plan.edits, resize=None)
        return edited(self._source.codec, self._source.data, info, edits).first

    def targets(self) -> tuple[Format, ...]:
        """The formats worth trying: of several, those that carry alpha and motion, and palettes for drawings only.

        Raises ``LimitExceeded`` where none holds a picture of this size.
        """
        allowed = {target: writes_of(target).abilities for target in self.plan.targets}
        longest = max(self.picture.size_px)
        holding = {target: able for target, able in allowed.items() if longest <= able.most_side_px}
        if not holding:
            most = max(able.most_side_px for able in allowed.values())
            raise LimitExceeded(
                f"{next(iter(allowed))} holds at most {most} pixels a side, this picture has {longest}",
                facts={"limit": most, "value": longest},
            )
        if len(holding) == 1:
            return tuple(holding)
        moves = len(self.picture.frames) > 1
        fitting = {
            target: able
            for target, able in holding.items()
            if (able.moves or not moves) and (able.alpha or not self.has_alpha)
        }
        others = [target for target, able in fitting.items() if not able.palette]
        return tuple((fitting if self.has_few_colours or not others else others) or holding)

    def was_resized(self, source: Source, picture: Picture) -> bool:
        """Whether a result has another size than cropping and turning alone would give it."""
        if picture.size_px != self.picture.size_px:
            return True
        before = size_before_resize(source.info, self.plan.edits)
        return self.plan.edits.resize is not None and (before is None or before != self.picture.size_px)


def make_canvas(source: Source, plan: Plan) -> Canvas:
    """Decode and edit. Raises ``InvalidRequest`` for edits that the picture has no room for, and ``BadImage``."""
    try:
        picture = edited(
            source.codec, source.data, source.info, plan.edits, quick=plan.recipe.preview,
            all_pages=plan.targets == (source.info.format,),
        )  # fmt: skip
    except (PixleanError, MemoryError):
        raise
    except Exception as error:  # decoders have a dozen ways to say that data is bad
        raise BadImage("the picture data does not decode") from error
    return Canvas(picture, plan, source, _exif_to_write(source, plan))


def _exif_to_write(source: Source, plan: Plan) -> bytes | None:
    """What of the source's metadata the recipe lets through, for pixels that are upright now."""
    recipe, read = plan.recipe, source.codec.metadata
    if read is None or not source.info.metadata:
        return None
    metadata = read(source.data)
    return selected_exif(metadata, recipe.keep, 1) if recipe.strip_metadata else exif_to_carry(metadata)

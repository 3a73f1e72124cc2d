"""New pixels or another format: edit, encode by quality, by eye or by size, take the smallest, prove it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pixlean.domain.edits import NO_EDITS, Edits, Fit, Resize
from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage, EngineFailed, InvalidRequest, LimitExceeded, PixleanError
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Deadline
from pixlean.domain.outcome import Attempt, Outcome
from pixlean.domain.recipe import Recipe
from pixlean.engine.promises import broken_rendering
from pixlean.engine.registry import codec_for, encoder_for
from pixlean.engine.search import Curve, follow, highest_under, largest_under, lowest_reaching
from pixlean.engine.trials import minimum_bytes
from pixlean.imaging.contract import Codec
from pixlean.imaging.edit import as_8_bit, edited, flattened, resized, size_before_resize
from pixlean.imaging.metadata import exif_to_carry, selected_exif
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Picture, is_opaque
from pixlean.imaging.sampling import mosaic


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How an encoder's quality looks, as (quality, score) on usual photographs, and what it can carry."""

    looks: Curve
    alpha: bool = True
    deep: bool = False
    moves: bool = False
    most_side_px: int = 65_535


# Medians over two dozen photographs, each codec at its usual effort; PNG and GIF by eye.
SCALES: dict[Format, Scale] = {
    Format.JPEG: Scale(looks=((45, 60.5), (60, 67.7), (70, 72.5), (80, 77.5), (90, 86.4)), alpha=False),
    Format.WEBP: Scale(
        looks=((45, 60.9), (60, 67.5), (70, 71.2), (80, 77.5), (90, 85.9)), moves=True, most_side_px=16_383
    ),
    Format.AVIF: Scale(
        looks=((30, 36.6), (45, 60.7), (60, 74.6), (70, 80.3), (80, 84.7), (90, 89.9)), deep=True, moves=True
    ),
    Format.JXL: Scale(looks=((45, 54.5), (60, 64.5), (70, 70.8), (80, 77.7), (90, 85.6)), deep=True),
    Format.PNG: Scale(looks=((40, 50.0), (60, 60.0), (80, 75.0), (95, 90.0)), deep=True, moves=True),
    Format.GIF: Scale(looks=((30, 35.0), (60, 50.0), (80, 60.0)), moves=True),
    Format.HEIC: Scale(looks=((30, 52.4), (45, 75.7), (60, 86.5), (70, 90.4), (80, 93.1), (90, 94.3))),
}
_LOWEST_QUALITY, _HIGHEST_QUALITY = 5, 99
_LOSSLESS = (Format.WEBP, Format.PNG, Format.JXL)
# "No visible difference at normal viewing": between SSIMULACRA2's 70 (high quality) and 90 (visually lossless).
SMART_SCORE = 80.0
_SLACK = 1.2
# Up to here every try of a search encodes the whole picture; larger ones are searched on a mosaic of tiles.
_SEARCHED_PIXELS = 1_500_000
_PREVIEW_PX = 1280
# The size search lowers quality first, and below this the dimensions.
_LEAST_QUALITY, _MIDDLING_QUALITY, _SMALLEST_SCALE = 30, 45, 0.04
_MOST_ENCODES = 8


@dataclass(frozen=True, kw_only=True)
class Made:
    """One candidate."""

    format: Format
    data: bytes
    quality: int | None
    picture: Picture
    encodes: int
    score: float | None = None
    obeys: bool = True

    @property
    def method(self) -> str:
        """What made it, for people."""
        return f"{self.format} (lossless)" if self.quality is None else f"{self.format} q{self.quality}"


class _Easel:
    """The edited picture that all candidates are made of, and what is asked of it more than once."""

    def __init__(self, picture: Picture, recipe: Recipe, exif: bytes | None, source_bytes: int) -> None:
        self.source_bytes = source_bytes
        self._judges: dict[tuple[int, int, tuple[int, ...]], tuple[Picture, Judge]] = {}
        self.picture = picture
        self.recipe = recipe
        self.exif = exif

    def judge(self, picture: Picture) -> Judge:
        """The judge of a picture; formats that carry the same picture share one."""
        key = picture.frames[0].ctypes.data, len(picture.frames), picture.frames[0].shape
        if key not in self._judges:
            self._judges[key] = (picture, Judge(picture.frames))
        return self._judges[key][1]

    def wish(self, quality: int, *, lossless: bool = False) -> Encoding:
        """How the recipe wants it encoded."""
        recipe = self.recipe
        careful = recipe.smart or recipe.min_score is not None or len(recipe.outputs) > 1
        return Encoding(
            quality=quality,
            lossless=lossless,
            effort=0 if recipe.preview else recipe.effort,
            progressive=recipe.progressive_jpeg,
            careful=careful,
            exif=self.exif,
        )

    def for_format(self, target: Format) -> Picture:
        """The picture as the target can carry it: alpha over the background, 8 bits, the first frame."""
        scale, picture = SCALES[target], self.picture
        if not scale.moves:
            picture = replace(picture, frames=picture.frames[:1], durations_ms=())
        if not scale.alpha:
            picture = flattened(picture, self.recipe.background)
        if not scale.deep or len(picture.frames) > 1:
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
        seen = (frame if part is None else part).reshape(-1, 1 if frame.ndim == 2 else frame.shape[2])
        return len(np.unique(seen, axis=0)) < 0.06 * len(seen)


def wants_rendering(info: ImageInfo, recipe: Recipe) -> bool:
    """Whether the recipe asks for more than the same picture in the same format, smaller."""
    others = [target for target in recipe.outputs if target is not _still(info.format)]
    return bool(
        others or recipe.edits != NO_EDITS or recipe.target_bytes is not None
        or recipe.min_score is not None or recipe.smart or recipe.preview
    )  # fmt: skip


def keeps_pixels(info: ImageInfo, recipe: Recipe) -> bool:
    """Whether the source's own pixels in its own format would do as a result."""
    own = not recipe.outputs or _still(info.format) in recipe.outputs
    return own and recipe.edits == NO_EDITS and not recipe.preview


def _still(found: Format) -> Format:
    return Format.PNG if found is Format.APNG else found


def render(data: bytes, info: ImageInfo, recipe: Recipe, rivals: tuple[Outcome, ...], deadline: Deadline) -> Outcome:
    """Make a picture of new pixels or another format. ``rivals`` are results in the same format, pixels untouched.

    Raises ``InvalidRequest`` for edits that the picture has no room for, ``BadImage``, and ``EngineFailed``.
    """
    started = time.perf_counter()
    if recipe.target_bytes is not None and recipe.target_bytes < minimum_bytes(len(data), recipe.max_reduction):
        raise InvalidRequest("the target size asks for a larger reduction than max_reduction allows")
    codec = codec_for(info.format)
    edits = recipe.edits
    if recipe.preview:
        edits = replace(edits, resize=_preview_size(info, edits.resize))
    picture = _edited(codec, data, info, edits, quick=recipe.preview)
    decoded = time.perf_counter()
    exif = selected_exif(data, info, recipe.keep, 1) if recipe.strip_metadata else exif_to_carry(data, info)
    easel = _Easel(picture, recipe, exif, len(data))
    candidates = [made for target in _targets(easel, info) for made in _candidates(easel, target, deadline)]
    winner = _winner(candidates, recipe)
    encoded = time.perf_counter()
    rival = _best_rival(rivals, winner, recipe)
    if rival is not None:
        met = None if recipe.target_bytes is None else True
        return replace(rival, encodes=winner.encodes, target_met=met)
    said, score = broken_rendering(winner.picture, winner.data, winner.format, winner.score)
    if said is not None:
        raise EngineFailed(f"the result is not what was asked for: {said}")
    return Outcome(
        data=winner.data,
        info=info,
        format=Format.APNG if winner.format is Format.PNG and len(winner.picture.frames) > 1 else winner.format,
        method=winner.method,
        original_bytes=len(data),
        attempts=tuple(Attempt(method=made.method, size_bytes=len(made.data)) for made in candidates),
        score=score,
        seconds={
            "decode": decoded - started,
            "encode": encoded - decoded,
            "verify": time.perf_counter() - encoded,
        },
        quality=winner.quality,
        width_px=winner.picture.size_px[0],
        height_px=winner.picture.size_px[1],
        encodes=sum(made.encodes for made in candidates),
        target_met=None if recipe.target_bytes is None else winner.obeys,
        resized=_was_resized(easel, winner, info, edits),
    )


def _edited(codec: Codec, data: bytes, info: ImageInfo, edits: Edits, *, quick: bool) -> Picture:
    try:
        return edited(codec, data, info, edits, upright=bool(getattr(codec, "UPRIGHT", False)), quick=quick)
    except (PixleanError, MemoryError):
        raise
    except Exception as error:  # decoders have a dozen ways to say that data is bad
        raise BadImage("the picture data does not decode") from error


def _preview_size(info: ImageInfo, wanted: Resize | None) -> Resize:
    """At most 1280 pixels on the long side, whatever else was wanted."""
    if wanted is None:
        return Resize(width_px=_PREVIEW_PX, height_px=_PREVIEW_PX)
    sides = [min(_PREVIEW_PX, side) if side else _PREVIEW_PX for side in (wanted.width_px, wanted.height_px)]
    return Resize(width_px=sides[0], height_px=sides[1], fit=Fit.INSIDE if wanted.fit is Fit.SCALE else wanted.fit)


def _output_for(found: Format) -> Format:
    """The format that a picture keeps when its pixels are new: its own where it can be written, else a fitting one."""
    if _still(found) in SCALES:
        return _still(found)
    return Format.PNG if found in (Format.SVG, Format.SVGZ, Format.BMP, Format.TIFF, Format.SGI) else Format.JPEG


def _was_resized(easel: _Easel, winner: Made, info: ImageInfo, edits: Edits) -> bool:
    """Whether the result has another size than cropping and turning alone would give it."""
    if winner.picture.size_px != easel.picture.size_px:
        return True
    before = size_before_resize(info, edits)
    return edits.resize is not None and (before is None or before != easel.picture.size_px)


def _targets(easel: _Easel, info: ImageInfo) -> tuple[Format, ...]:
    """The formats worth trying: of several, those that carry alpha and motion, and PNG for drawings only."""
    allowed = easel.recipe.outputs or (_output_for(info.format),)
    longest = max(easel.picture.size_px)
    holding = tuple(target for target in allowed if longest <= SCALES[target].most_side_px)
    if not holding:
        most = max(SCALES[target].most_side_px for target in allowed)
        raise LimitExceeded(f"{allowed[0]} holds at most {most} pixels a side, this picture has {longest}")
    if len(holding) == 1:
        return holding
    allowed = holding
    moves = len(easel.picture.frames) > 1
    fitting = [
        target
        for target in allowed
        if (SCALES[target].moves or not moves) and (SCALES[target].alpha or not easel.has_alpha)
    ]
    others = [target for target in fitting if target is not Format.PNG]
    return tuple((fitting if easel.has_few_colours or not others else others) or allowed)


def _candidates(easel: _Easel, target: Format, deadline: Deadline) -> list[Made]:
    recipe, picture = easel.recipe, easel.for_format(target)
    deadline.check()
    if recipe.target_bytes is not None:
        return [_by_size(easel, target, picture, recipe.target_bytes, deadline)]
    wanted = _wanted_score(recipe)
    found: list[Made] = []
    unreachable = False
    lossless = target in _LOSSLESS and (not recipe.png_lossy or recipe.quality >= 100) and target is Format.PNG
    if wanted is not None and not lossless:
        found.append(_not_below(easel, _by_score(easel, target, picture, wanted, deadline)))
        # Where even the best quality does not look as wanted (WebP has no full chroma), nothing but all of it does.
        unreachable = not found[-1].obeys and target in _LOSSLESS
    elif not lossless:
        found.append(_not_below(easel, _encoded(easel, target, picture)))
    drawn = (recipe.auto or wanted is not None) and target in _LOSSLESS and easel.has_few_colours
    if lossless or drawn or unreachable:
        deadline.check()
        made = encoder_for(target)(picture, easel.wish(100, lossless=True))
        found.append(Made(format=target, data=made, quality=None, picture=picture, encodes=1, score=100.0))
    return found


def _wanted_score(recipe: Recipe) -> float | None:
    """The score that candidates must have: as asked for, or with several formats the one that a JPEG would have."""
    if recipe.min_score is not None:
        return recipe.min_score
    if recipe.smart:
        return SMART_SCORE
    if len(recipe.outputs) > 1:
        return min(95.0, follow(SCALES[Format.JPEG].looks, recipe.quality))
    return None


def _encoded(easel: _Easel, target: Format, picture: Picture) -> Made:
    """At the recipe's quality."""
    data = encoder_for(target)(picture, easel.wish(easel.recipe.quality))
    return Made(format=target, data=data, quality=easel.recipe.quality, picture=picture, encodes=1)


def _not_below(easel: _Easel, made: Made) -> Made:
    """The same, or at the lowest quality above that obeys ``max_reduction``; at 100 where none does."""
    least = minimum_bytes(easel.source_bytes, easel.recipe.max_reduction)
    if made.quality is None or len(made.data) >= least:
        return made
    encode = encoder_for(made.format)
    tried: dict[int, bytes] = {}

    def at(value: float) -> bytes:
        quality = round(value)
        if quality not in tried:
            tried[quality] = encode(made.picture, easel.wish(quality))
        return tried[quality]

    found = largest_under(at, low=made.quality, high=100, at_least_bytes=least, tries=5)
    quality, data = (round(found[0]), found[1]) if found else (100, at(100))
    return replace(made, data=data, quality=quality, encodes=made.encodes + len(tried), score=None)


def _by_score(easel: _Easel, target: Format, picture: Picture, wanted: float, deadline: Deadline) -> Made:
    """The lowest quality that scores as wanted, in at most four encodes; those of a search on a sample do not count."""
    guess: int | None = None
    tries = 4
    if len(picture.frames) == 1 and picture.first.shape[0] * picture.first.shape[1] > _SEARCHED_PIXELS:
        tile = mosaic(picture.first, tile_px=256, most_px=1_048_576)
        if tile is not None:
            guess, tries = _searched(easel, target, replace(picture, frames=(tile,)), wanted, None, 3, deadline)[0], 3
    quality, tried = _searched(easel, target, picture, wanted, guess, tries, deadline)
    data, score = tried[quality]
    return Made(
        format=target, data=data, quality=quality, picture=picture, encodes=len(tried), score=score,
        obeys=score >= wanted - 0.5,
    )  # fmt: skip


def _searched(
    easel: _Easel, target: Format, picture: Picture, wanted: float, guess: int | None, tries: int, deadline: Deadline
) -> tuple[int, dict[int, tuple[bytes, float]]]:
    """The quality that a search ends at, and all that it tried with their scores."""
    encode, decode = encoder_for(target), codec_for(target).decode
    judge = easel.judge(picture)
    tried: dict[int, tuple[bytes, float]] = {}

    def measure(quality: int) -> float:
        deadline.check()
        data = encode(picture, easel.wish(quality))
        tried[quality] = (data, judge.score(decode(data).frames))
        return tried[quality][1]

    quality = lowest_reaching(
        measure,
        target=wanted,
        usual=SCALES[target].looks,
        low=_LOWEST_QUALITY,
        high=_HIGHEST_QUALITY,
        slack=_SLACK,
        tries=tries,
        guess=guess,
    )
    return quality, tried


def _by_size(easel: _Easel, target: Format, picture: Picture, most_bytes: int, deadline: Deadline) -> Made:
    """The best that fits: quality first, then the dimensions; at most eight encodes. ``obeys`` says whether it does."""
    encode = encoder_for(target)
    tried: list[Made] = []

    def size_at(quality: int, shown: Picture) -> int:
        deadline.check()
        data = encode(shown, easel.wish(quality))
        tried.append(Made(format=target, data=data, quality=quality, picture=shown, encodes=1))
        return len(data)

    top = max(easel.recipe.quality, 92) if easel.recipe.max_reduction is None else 100
    found = highest_under(
        lambda quality: size_at(quality, picture),
        most_bytes=most_bytes,
        guess=75,
        low=_LEAST_QUALITY,
        high=top,
        tries=4,
    )
    if found is None:
        rows, columns = picture.first.shape[:2]
        smallest = min(len(made.data) for made in tried)

        def size_of(step: int) -> int:
            scale = _SMALLEST_SCALE ** (1 - step / 100)
            return size_at(
                _MIDDLING_QUALITY, _scaled(picture, (max(1, round(columns * scale)), max(1, round(rows * scale))))
            )

        # Bytes grow a little slower than pixels do, so with the 1.6th power of the sides.
        guess = round(100 * (1 - math.log(0.9 * most_bytes / smallest) / 1.6 / math.log(_SMALLEST_SCALE)))
        highest_under(
            size_of, most_bytes=most_bytes, guess=guess, low=0, high=99, tries=_MOST_ENCODES - len(tried), growth=0.05
        )
    obeying = [made for made in tried if len(made.data) <= most_bytes]
    best = max(obeying, key=lambda made: len(made.data)) if obeying else min(tried, key=lambda made: len(made.data))
    return replace(best, encodes=len(tried), obeys=bool(obeying))


def _scaled(picture: Picture, sides: tuple[int, int]) -> Picture:
    return replace(picture, frames=tuple(resized(frame, sides) for frame in picture.frames))


def _winner(candidates: list[Made], recipe: Recipe) -> Made:
    """What obeys, then the smaller; where a size was asked for, what looks best within it."""
    if recipe.target_bytes is None or len(candidates) == 1:
        return min(candidates, key=lambda made: (not made.obeys, len(made.data)))
    judged = []
    for made in candidates:
        judge = Judge(candidates[0].picture.frames)
        score = judge.score(codec_for(made.format).decode(made.data).frames)
        judged.append((not made.obeys, -made.picture.first.size, -score, made))
    return min(judged, key=lambda entry: entry[:3])[3]


# What a re-encode of a lossy source must save to be worth its generation loss. Of a JPEG the quality is known; what
# others were encoded at is not, but encoding again at the same score saves up to a third: less is no sign of room.
_MUST_GAIN_JPEG, _MUST_GAIN = 0.10, 0.40


def _best_rival(rivals: tuple[Outcome, ...], winner: Made, recipe: Recipe) -> Outcome | None:
    """A result with the source's own pixels, where it is nearly as small: it beats any generation loss."""
    fitting = [rival for rival in rivals if recipe.target_bytes is None or len(rival.data) <= recipe.target_bytes]
    best = min(fitting, key=lambda rival: len(rival.data), default=None)
    if best is None:
        return None
    if not winner.obeys:
        return best
    lossy = best.info.lossless is not True
    if recipe.target_bytes is None and lossy and winner.quality is not None:
        known = best.info.jpeg_quality
        worn = winner.format is Format.JPEG and known is not None and known <= winner.quality + 3
        gain = _MUST_GAIN_JPEG if known is not None else _MUST_GAIN
        return best if worn or len(winner.data) > (1 - gain) * len(best.data) else None
    return best if recipe.target_bytes is not None or len(best.data) <= len(winner.data) else None

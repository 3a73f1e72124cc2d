"""From header and recipe to what will be tried; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixlean.domain.edits import NO_EDITS, Edits, Fit, Resize
from pixlean.domain.errors import BadImage, ErrorCode, InvalidRequest
from pixlean.domain.formats import FORMATS, Format, still_of
from pixlean.domain.image import ImageInfo
from pixlean.domain.recipe import Recipe
from pixlean.engine.registry import writes_of
from pixlean.engine.search import minimum_bytes
from pixlean.imaging.colour import fits_in_srgb
from pixlean.imaging.contract import Source, Trial
from pixlean.imaging.sizes import changes, measured, size_before_resize

_PREVIEW_PX = 1280


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be tried for a picture.

    ``trials`` are its codec's: the picture's own file, smaller. ``targets`` are the formats that new pixels may be
    written in, after ``edits``; none where the picture's own pixels in its own format are all that is wanted, unless
    its profile outweighs them. The
    original is a candidate where it ``may_stay``: its pixels are wanted, it holds nothing dangerous or
    private, and its codec takes it for what it seems.
    """

    recipe: Recipe
    trials: tuple[Trial, ...] = ()
    targets: tuple[Format, ...] = ()
    edits: Edits = NO_EDITS
    may_stay: bool = True


def make_plan(source: Source, recipe: Recipe) -> Plan:
    """The plan of a header and a recipe.

    Raises ``BadImage`` for a format that is only read where none is named, ``InvalidRequest`` for aims that exclude
    each other.
    """
    info, codec = source.info, source.codec
    recipe = _settled(replace(recipe, edits=_effective(recipe.edits, info)), info)
    _check_aims(recipe, len(source.data))
    clean = not (info.dangerous or info.must_rewrite) and not (recipe.strip_metadata and info.metadata)
    if not _wants_new_pixels(info, recipe):
        through = (still_of(info.format),) if _is_outweighed(source, recipe) else ()
        return Plan(recipe=recipe, trials=codec.trials(info, recipe), targets=through, may_stay=clean)
    targets = recipe.outputs or (FORMATS[info.format].becomes or still_of(info.format),)
    edits = replace(recipe.edits, resize=_preview_size(recipe.edits.resize)) if recipe.preview else recipe.edits
    if not _keeps_pixels(info, recipe):
        return Plan(recipe=recipe, targets=targets, edits=edits, may_stay=False)
    if targets == (still_of(info.format),) and _must_lose_nothing(targets[0], info, recipe):
        return Plan(recipe=recipe, trials=codec.trials(info, recipe), may_stay=clean)
    # The picture as it is may be the smallest answer: everything that loses nothing is tried beside the new pixels.
    exact = tuple(trial for trial in codec.trials(info, replace(recipe, outputs=())) if trial.lossless)
    return Plan(recipe=recipe, trials=exact, targets=targets, edits=edits, may_stay=clean)


# A press's profile is half a megabyte, and more than most pictures that carry it; those of screens are half a kilobyte.
_HEAVY_PROFILE_BYTES, _HEAVY_PROFILE_SHARE = 8_192, 0.1


def _is_outweighed(source: Source, recipe: Recipe) -> bool:
    """Whether the colour profile is so much of the file that the same picture in sRGB, without one, is worth trying.

    Only for pictures that browsers show in sRGB's colours anyway, and where pixels may change.
    """
    info, profile = source.info, source.info.icc or b""
    heavy = len(profile) > max(_HEAVY_PROFILE_BYTES, _HEAVY_PROFILE_SHARE * len(source.data))
    if not heavy or not recipe.strip_metadata or recipe.keeps_every_pixel or info.untouchable:
        return False
    if recipe.max_reduction is not None:
        return False  # the profile alone is more than many a reduction
    for_browsers = FORMATS[still_of(info.format)].audience is not None  # a press wants its inks
    return for_browsers and info.frames == info.pages == 1 and info.bit_depth == 8 and fits_in_srgb(profile, info.mode)


def _effective(edits: Edits, info: ImageInfo) -> Edits:
    """The edits as they are for a picture of this size, without what changes nothing: it then may stay as it is."""
    edits = measured(edits, info)
    if edits.resize is None or edits.resize.fit is Fit.THUMB:
        return edits
    before = size_before_resize(info, edits)
    unchanged = before is not None and not changes(edits.resize, *before)
    return replace(edits, resize=None) if unchanged else edits


def _check_aims(recipe: Recipe, source_bytes: int) -> None:
    if recipe.target_bytes is not None and recipe.target_bytes < minimum_bytes(source_bytes, recipe.max_reduction):
        raise InvalidRequest("the target size asks for a larger reduction than max_reduction allows")


def _settled(recipe: Recipe, info: ImageInfo) -> Recipe:
    """The recipe with its formats, now that the source's own is known."""
    if FORMATS[info.format].only_read and not recipe.outputs:
        raise BadImage(
            f"{info.format} files are only read to be converted: name a format", code=ErrorCode.UNSUPPORTED_FORMAT
        )
    if not recipe.stay:
        return recipe
    own = still_of(info.format)
    if own in recipe.outputs:
        return replace(recipe, outputs=())
    return replace(recipe, auto=True, outputs=tuple(name for name in recipe.outputs if FORMATS[name].output))


def _wants_new_pixels(info: ImageInfo, recipe: Recipe) -> bool:
    """Whether the recipe asks for more than the same picture in the same format, smaller."""
    others = [target for target in recipe.outputs if target is not still_of(info.format)]
    return bool(
        others or recipe.edits != NO_EDITS or recipe.target_bytes is not None
        or recipe.min_score is not None or recipe.smart or recipe.preview
    )  # fmt: skip


def _keeps_pixels(info: ImageInfo, recipe: Recipe) -> bool:
    """Whether the source's own pixels in its own format would do as a result."""
    own = not recipe.outputs or still_of(info.format) in recipe.outputs
    return own and recipe.edits == NO_EDITS and not recipe.preview


def _must_lose_nothing(own: Format, info: ImageInfo, recipe: Recipe) -> bool:
    """Whether no search may change a pixel: then what its codec can do without loss is all there is.

    A palette that was chosen before is not chosen again, unless a score is named: that would wear the picture down.
    """
    abilities = writes_of(own).abilities
    chosen = abilities.palette and abilities.lossless and info.mode == "P" and recipe.min_score is None
    exact = (recipe.keeps_every_pixel and (abilities.palette or not abilities.lossy)) or chosen
    return exact and recipe.target_bytes is None


def _preview_size(wanted: Resize | None) -> Resize:
    """At most 1280 pixels on the long side, whatever else was wanted."""
    if wanted is None:
        return Resize(width_px=_PREVIEW_PX, height_px=_PREVIEW_PX)
    sides = [min(_PREVIEW_PX, side) if side else _PREVIEW_PX for side in (wanted.width_px, wanted.height_px)]
    return Resize(width_px=sides[0], height_px=sides[1], fit=Fit.INSIDE if wanted.fit is Fit.SCALE else wanted.fit)

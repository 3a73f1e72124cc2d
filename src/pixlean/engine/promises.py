"""The promises a result must keep, checked on the decoded bytes before anyone sees them."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial
from pixlean.domain.recipe import Recipe
from pixlean.engine.probe import probe
from pixlean.engine.registry import codec_for
from pixlean.imaging.colour import is_srgb
from pixlean.imaging.contract import Source
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array, Picture, same_pixels, to_rgba8

# Below this SSIMULACRA2 a result is not a compressed picture but a wrong one, whatever the quality asked for.
_WRONG_PICTURE_SCORE = -40.0


def original_is_clean(info: ImageInfo, recipe: Recipe) -> bool:
    """Whether the input itself may be returned: nothing dangerous, nothing private that was to go."""
    return not info.dangerous and not (recipe.strip_metadata and info.metadata)


def broken_promise(source: Source, made: bytes, trial: Trial, recipe: Recipe) -> tuple[str | None, float | None]:
    """The first promise that ``made`` breaks, or ``None``; and its SSIMULACRA2 where it was computed."""
    before = source.info
    try:
        after = probe(made, Limits(max_chunks=1_000_000, max_jpeg_scans=10_000))
    except PixleanError as error:
        return f"the result's header is not valid: {error.message}", None
    said = _header_promise(before, after, trial, recipe)
    if said:
        return said, None
    if before.format in (Format.SVG, Format.SVGZ):
        return None, None  # the codec rendered and compared already, and sanitised its own result
    return _pixel_promise(source, made, trial)


def broken_rendering(
    picture: Picture, made: bytes, target: Format, score: float | None
) -> tuple[str | None, float | None]:
    """What is wrong with an encoded picture, or ``None``; and its score, where it is known."""
    try:
        after = probe(made, Limits(max_chunks=1_000_000, max_jpeg_scans=10_000))
        shown = list(codec_for(after.format).frames(made))
    except PixleanError as error:
        return f"it does not decode: {error.message}", score
    if after.format is not target and not (target is Format.PNG and after.format is Format.APNG):
        return "another format", score
    if after.displayed_px != picture.size_px:
        return "another size", score
    # Encoders join frames that are alike, so only a lost animation is a fault.
    visible = min(picture.size_px) >= 16
    if len(picture.frames) > 1 and len(shown) < 2 and visible and not _all_alike(picture.frames):
        return "a still in place of an animation", score
    # Low qualities may take more colour from small pictures than a re-encode in the same format ever may.
    said = _means_differ(picture.first, shown[0], most=70.0) if target is not Format.GIF else None
    return said, score


def _all_alike(frames: tuple[Array, ...]) -> bool:
    return all(np.array_equal(frames[0], frame) for frame in frames[1:])


def _header_promise(before: ImageInfo, after: ImageInfo, trial: Trial, recipe: Recipe) -> str | None:
    still_format = {before.format, after.format} == {Format.PNG, Format.APNG} and before.frames == 1
    if after.format is not before.format and not still_format:
        return "another format"
    upright = getattr(codec_for(before.format), "UPRIGHT", False)
    if not upright and before.orientation != after.orientation:
        return "another orientation"
    if before.displayed_px != after.displayed_px:
        return "another size"
    if (before.frames, before.pages) != (after.frames, after.pages):
        return "another number of frames or pages"
    if before.durations_ms != after.durations_ms:
        return "other frame durations"
    if (before.loop_count or 0) != (after.loop_count or 0) or (before.loop_count is None) != (after.loop_count is None):
        return "another loop count"
    if recipe.strip_metadata and after.metadata:
        return f"still has {', '.join(sorted(after.metadata))}"
    if not recipe.strip_metadata and before.metadata - after.metadata - {"thumbnail"}:
        return f"lost {', '.join(sorted(before.metadata - after.metadata))}"
    if before.icc and after.icc != before.icc and not (after.icc is None and is_srgb(before.icc)):
        return "lost its colour profile"
    if before.bit_depth > 8 and after.bit_depth != before.bit_depth:
        return "another bit depth"
    if after.dangerous:
        return "still dangerous"
    return None


def _pixel_promise(source: Source, made: bytes, trial: Trial) -> tuple[str | None, float | None]:
    codec = codec_for(source.info.format)
    preview = getattr(codec, "preview", None)
    kept = source.__dict__.get("picture")
    if preview is not None and kept is not None and not trial.lossless and trial.floor_score is None:
        try:
            return _means_differ(*_same_extent(kept.first, preview(made))), None
        except PixleanError as error:
            return f"the result does not decode: {error.message}", None
    worst: float | None = None
    originals = kept.frames if kept is not None else codec.frames(source.data)
    number = 0
    try:
        for left, right in zip_longest(originals, codec.frames(made)):
            if left is None or right is None:
                return "another number of decoded frames", worst
            if trial.lossless:
                if not same_pixels(left, right):
                    return "pixels changed in a lossless method", worst
            elif number % _step(source.info.frames) == 0:
                said = _looks_wrong(left, right)
                if said:
                    return said, worst
                if trial.floor_score is not None:
                    score = _score(left, right)
                    worst = score if worst is None else min(worst, score)
                    if worst < trial.floor_score:
                        return f"scores {worst:.1f}, below {trial.floor_score:.0f}", worst
            number += 1
    except PixleanError as error:
        return f"the result does not decode: {error.message}", worst
    return None, worst


def _step(frames: int) -> int:
    """Every frame of short animations is looked at closely, every n-th of long ones."""
    return max(1, frames // 12)


def _looks_wrong(left: Array, right: Array) -> str | None:
    """A cheap check that nothing went grossly wrong: alpha, size and 16x16 means of both pictures."""
    if left.shape[:2] != right.shape[:2]:
        return "another size of a decoded frame"
    if left.dtype != right.dtype and np.uint16 in (left.dtype, right.dtype):
        return "another depth of a decoded frame"
    return _means_differ(left, right)


def _same_extent(whole: Array, scaled: Array) -> tuple[Array, Array]:
    """``whole`` padded to the blocks that a scaled decode counts as whole ones, so that both cover the same area."""
    import cv2

    rows, columns = (scaled.shape[side] * -(-whole.shape[side] // scaled.shape[side]) for side in (0, 1))
    padded = cv2.copyMakeBorder(
        whole, 0, rows - whole.shape[0], 0, columns - whole.shape[1], cv2.BORDER_REPLICATE
    )  # as encoders pad
    return padded, scaled


def _means_differ(left: Array, right: Array, most: float = 40.0) -> str | None:
    if left.shape[2:] != right.shape[2:]:
        left, right = to_rgba8(left), to_rgba8(right)
    # Regions of eight pixels a side at least: what happens within one is the encoder's business.
    grid = tuple(max(1, min(16, left.shape[side] // 8)) for side in (1, 0))
    means = [_region_means(shown, (grid[0], grid[1])) for shown in (left, right)]
    worst = float(np.abs(means[0] - means[1]).max())
    return f"a region is off by {worst:.0f} of 255" if worst > most else None


def _region_means(frame: Array, side: tuple[int, int]) -> Array:
    """Means of a grid of regions on 0-255; colour counts as much as it is visible."""
    import cv2

    values = np.ascontiguousarray(frame)
    scale = 255.0 / 65535.0 if frame.dtype == np.uint16 else 1.0
    if values.ndim == 3 and values.shape[2] == 4:
        values = values.astype(np.float32) * scale
        values[..., :3] *= values[..., 3:] / 255.0
        scale = 1.0
    return np.asarray(cv2.resize(values, side, interpolation=cv2.INTER_AREA), np.float32) * scale


def _score(left: Array, right: Array) -> float:
    if left.dtype == np.uint16 and int(left.max()) < 4096:
        return 100.0
    return Judge((left,)).score((right,))

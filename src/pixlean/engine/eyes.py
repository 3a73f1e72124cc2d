"""Looking at decoded frames: whether two files show the same picture."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from pixlean.imaging.contract import Source, Trial
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array, same_pixels, to_rgba8
from pixlean.imaging.regions import region_means

# By how much of 255 the mean of a region may move in a re-encode of the same format.
MOST_REGION_SHIFT = 40.0
# A side has at most so many regions: of 32 pixels where it has a thousand.
_MOST_REGIONS = 32
# Samples of any other kind (signed, 32 bits) are stretched to these to be looked at.
_MEASURED = {"uint8", "uint16", "float32"}
# Of long animations every n-th frame is looked at closely: about so many.
_FRAMES_LOOKED_AT = 12


def compared(source: Source, trial: Trial, data: bytes, *, elsewhere: bool) -> tuple[str | None, float | None]:
    """What is wrong with the pixels of a trial's result, or ``None``; and its worst score where it was computed.

    ``elsewhere`` where another library looks at the regions of both files: then only what has a floor or loses nothing
    is compared. Every frame of a lossless method is compared pixel by pixel. Raises ``BadImage`` where the result does
    not decode.
    """
    codec, floor = source.codec, trial.loss.floor_score
    if elsewhere and not trial.lossless and floor is None:
        return None, None
    worst: float | None = None
    step = max(1, source.info.frames // _FRAMES_LOOKED_AT)
    originals = source.picture.frames if source.is_decoded else codec.frames(source.data)
    for number, (left, right) in enumerate(zip_longest(originals, codec.frames(data))):
        if left is None or right is None:
            return "another number of decoded frames", worst
        if trial.lossless:
            if not same_pixels(left, right):
                return "pixels changed in a lossless method", worst
        elif number % step == 0:
            said = _looks_wrong(left, right)
            if said:
                return said, worst
            if floor is not None:
                score = _score_of(left, right)
                worst = score if worst is None else min(worst, score)
                if worst < floor:
                    return f"scores {worst:.1f}, below {floor:.0f}", worst
    return None, worst


def _looks_wrong(left: Array, right: Array) -> str | None:
    """A cheap check that nothing went grossly wrong: size, depth, and the means of a grid of both pictures."""
    if left.shape[:2] != right.shape[:2]:
        return "another size of a decoded frame"
    if left.dtype != right.dtype and np.uint16 in (left.dtype, right.dtype):
        return "another depth of a decoded frame"
    return means_differ(left, right)


def means_differ(left: Array, right: Array, most: float = MOST_REGION_SHIFT, least_px: int = 8) -> str | None:
    """Whether the mean of a region of at least ``least_px`` a side is off by more than ``most`` of 255."""
    if left.shape[2:] != right.shape[2:] or not {left.dtype.name, right.dtype.name} <= _MEASURED:
        left, right = to_rgba8(left), to_rgba8(right)
    # What happens within eight pixels, an encoder's block, is its own business.
    down, across = (max(1, min(_MOST_REGIONS, size // least_px)) for size in left.shape[:2])
    worst = float(np.abs(region_means(left, down, across) - region_means(right, down, across)).max())
    return f"a region is off by {worst:.0f} of 255" if worst > most else None


def same_extent(whole: Array, scaled: Array) -> tuple[Array, Array] | None:
    """``whole`` cut or padded to the blocks that a scaled decode has, so that both cover the same area.

    Some decoders count a last block that is not full, as encoders pad it, and some leave it out. ``None`` where the
    sizes differ by more than that.
    """
    blocks = [max(1, round(whole.shape[side] / scaled.shape[side])) for side in (0, 1)]
    rows, columns = (scaled.shape[side] * blocks[side] for side in (0, 1))
    if abs(rows - whole.shape[0]) >= blocks[0] or abs(columns - whole.shape[1]) >= blocks[1]:
        return None
    cut = whole[:rows, :columns]
    missing = [(0, rows - cut.shape[0]), (0, columns - cut.shape[1]), (0, 0)]
    return np.pad(cut, missing[: cut.ndim], mode="edge") if any(map(sum, missing)) else cut, scaled


def _score_of(left: Array, right: Array) -> float:
    """The SSIMULACRA2 of two frames; 100 where the samples fill so little of 16 bits that nothing could be seen."""
    if left.dtype == np.uint16 and int(left.max()) < 4096:
        return 100.0
    return Judge((left,)).score((right,))


def all_alike(frames: tuple[Array, ...]) -> bool:
    """Whether an animation shows one picture all the time."""
    return all(np.array_equal(frames[0], frame) for frame in frames[1:])


def seen_otherwise(
    before: tuple[Array, ...], after: tuple[Array, ...], most: float = MOST_REGION_SHIFT, least_px: int = 8
) -> str | None:
    """What another library's views of two files tell: whether they show the same picture, frame by frame."""
    if len(before) != len(after):
        return "another number of frames to another reader"
    for left, right in zip(before, after, strict=True):
        if left.shape[:2] != right.shape[:2]:
            extents = same_extent(left, right)
            if extents is None:
                return "another size to another reader"
            left, right = extents
        said = means_differ(left, right, most, least_px)
        if said is not None:
            return f"to another reader {said}"
    return None

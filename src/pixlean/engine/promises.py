"""The promises a result must keep: a column of named checks on its decoded bytes, before anyone sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import still_of
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Keep
from pixlean.engine.claim import Claim
from pixlean.engine.eyes import all_alike
from pixlean.engine.looks import same_look, same_to_other_eyes, wanted_look, wanted_to_other_eyes
from pixlean.engine.pick import Candidate
from pixlean.engine.plan import Plan
from pixlean.engine.probe import probe
from pixlean.engine.registry import writes_of
from pixlean.engine.search import minimum_bytes
from pixlean.engine.trials import attempt
from pixlean.imaging.colour import is_srgb
from pixlean.imaging.contract import Source

# Smaller frames may come out alike in formats whose encoders join what is alike.
_LEAST_VISIBLE_PX = 16
# Formats count time in tenths, hundredths or thousandths of a second: what rounding a frame may cost.
_ROUNDING_MS = 10


Promise = Callable[[Claim], str | None]


def broken_promise(source: Source, plan: Plan, candidate: Candidate) -> tuple[str | None, float | None]:
    """The first promise that a candidate breaks, or ``None``; and its SSIMULACRA2 where it is known."""
    judged, failed, _ = attempt(partial(_judged, source, plan, candidate))
    return judged or (f"could not be compared: {failed}", candidate.score)


def _judged(source: Source, plan: Plan, candidate: Candidate) -> tuple[str | None, float | None]:
    try:
        after = probe(candidate.data, Limits(max_chunks=1_000_000, max_jpeg_scans=10_000))
        claim = Claim(source, plan, candidate, after)
        column = OWN_FILE if candidate.is_untouched else NEW_PIXELS
        said = next((said for promise in column if (said := promise(claim)) is not None), None)
    except PixleanError as error:
        return f"the result does not decode: {error.message}", candidate.score
    return said, claim.seen[1] if candidate.is_untouched and said is None else candidate.score


def never_larger(claim: Claim) -> str | None:
    """A picture that must be rewritten for somebody's safety may grow."""
    larger = len(claim.candidate.data) > len(claim.source.data)
    excused = claim.before.dangerous or claim.before.must_rewrite
    return "larger than the original" if larger and not excused else None


def within_max_reduction(claim: Claim) -> str | None:
    """Where the original may not stay, private data goes whatever that saves."""
    least = minimum_bytes(len(claim.source.data), claim.plan.recipe.max_reduction)
    return "over max_reduction" if claim.plan.may_stay and len(claim.candidate.data) < least else None


def same_format(claim: Claim) -> str | None:
    """An animation of one frame may become a still."""
    before, after = claim.before, claim.after
    stilled = before.frames == 1 and still_of(before.format) is still_of(after.format)
    return None if after.format is before.format or stilled else "another format"


def wanted_format(claim: Claim) -> str | None:
    """What was asked for, or its moving kind."""
    return None if still_of(claim.after.format) is claim.candidate.format else "another format"


def same_orientation(claim: Claim) -> str | None:
    """Codecs whose decoder turns pictures may write them upright."""
    kept = claim.source.codec.upright or claim.before.orientation == claim.after.orientation
    return None if kept else "another orientation"


def same_size(claim: Claim) -> str | None:
    """As a viewer shows it."""
    return None if claim.before.displayed_px == claim.after.displayed_px else "another size"


def wanted_size(claim: Claim) -> str | None:
    """As the edits made it."""
    return None if claim.after.displayed_px == claim.picture.size_px else "another size"


def same_frames(claim: Claim) -> str | None:
    """Frames and pages, counted."""
    before, after = claim.before, claim.after
    return None if (before.frames, before.pages) == (after.frames, after.pages) else "another number of frames or pages"


def still_moves(claim: Claim) -> str | None:
    """Encoders join frames that are alike, so only a lost animation is a fault."""
    picture = claim.picture
    if len(picture.frames) < 2 or len(claim.shown) >= 2 or min(picture.size_px) < _LEAST_VISIBLE_PX:
        return None
    return None if all_alike(picture.frames) else "a still in place of an animation"


def same_durations(claim: Claim) -> str | None:
    """Of every frame."""
    return None if claim.before.durations_ms == claim.after.durations_ms else "other frame durations"


def same_time(claim: Claim) -> str | None:
    """An animation takes as long as before, whatever frames were joined."""
    wanted, told = claim.picture.durations_ms, claim.after.durations_ms
    if not wanted or len(told) < 2:
        return None
    return None if abs(sum(told) - sum(wanted)) <= _ROUNDING_MS * (len(wanted) + 1) else "another time"


def same_plays(claim: Claim) -> str | None:
    """How often an animation plays; that a file says nothing is a fact too."""
    before, after = claim.before.loop_count, claim.after.loop_count
    return None if before == after else "another loop count"


def wanted_plays(claim: Claim) -> str | None:
    """How often an animation is shown, whatever each format counts."""
    wanted, told = claim.picture.plays, claim.after.plays
    able = writes_of(claim.candidate.format).abilities.plays
    return (
        "another number of plays" if able and wanted is not None and len(claim.shown) > 1 and told != wanted else None
    )


def private_is_gone(claim: Claim) -> str | None:
    """Nothing private is left but what was asked for."""
    if not claim.plan.recipe.strip_metadata or not claim.after.metadata:
        return None
    left = claim.after.metadata - _allowed(claim)
    return f"still has {', '.join(sorted(left))}" if left else None


def _allowed(claim: Claim) -> frozenset[str]:
    """Targets are written with what of the EXIF may stay; to untouched files it is added once they are chosen."""
    keep = claim.plan.recipe.keep
    if claim.candidate.is_untouched or not keep:
        return frozenset()
    return frozenset({"exif", "gps"} if Keep.LOCATION in keep else {"exif"})


def wanted_is_kept(claim: Claim) -> str | None:
    """Metadata that was not to go; a thumbnail may be out of date and go."""
    lost = claim.before.metadata - claim.after.metadata
    if claim.plan.recipe.strip_metadata or not lost - {"thumbnail"}:
        return None
    return f"lost {', '.join(sorted(lost))}"


def same_profile(claim: Claim) -> str | None:
    """The colour profile; one that means sRGB may go."""
    before, after = claim.before.icc, claim.after.icc
    return None if not before or after == before or (after is None and is_srgb(before)) else "lost its colour profile"


def same_depth(claim: Claim) -> str | None:
    """Of more than 8 bits."""
    before, after = claim.before.bit_depth, claim.after.bit_depth
    return None if before <= 8 or after == before else "another bit depth"


def wanted_depth(claim: Claim) -> str | None:
    """A picture that came to the encoder with more than 8 bits still has more than 8."""
    deep = claim.picture.first.itemsize > 1
    return "another bit depth" if deep and claim.after.bit_depth <= 8 else None


def nothing_dangerous(claim: Claim) -> str | None:
    """Nothing that runs or loads."""
    return "still dangerous" if claim.after.dangerous else None


# What the source's own file, made smaller, promises.
OWN_FILE: tuple[Promise, ...] = (
    never_larger, within_max_reduction, same_format, same_orientation, same_size, same_frames, same_durations,
    same_plays, private_is_gone, wanted_is_kept, same_profile, same_depth, nothing_dangerous, same_look,
    same_to_other_eyes,
)  # fmt: skip
# What new pixels promise. They drop: never_larger and within_max_reduction (another format may need more bytes; the
# encoder was held to the reduction), same_orientation (turned upright), same_profile (converted to sRGB),
# wanted_is_kept (EXIF travels where the target has a place for it).
NEW_PIXELS: tuple[Promise, ...] = (
    wanted_format, wanted_size, still_moves, same_time, wanted_plays, private_is_gone, wanted_depth, nothing_dangerous,
    wanted_look, wanted_to_other_eyes,
)  # fmt: skip

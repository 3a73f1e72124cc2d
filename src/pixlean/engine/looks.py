"""The promises about what a result looks like, to the codec's own decoder and to another reader's."""

from __future__ import annotations

from pixlean.engine.claim import Claim
from pixlean.engine.eyes import means_differ, seen_otherwise
from pixlean.engine.registry import codec_for, writes_of


def same_look(claim: Claim) -> str | None:
    """Equal pixels of a lossless method; of others a look at regions, and the score where there is a floor."""
    return claim.seen[0]


def wanted_look(claim: Claim) -> str | None:
    """Low qualities may take more colour from small pictures than a re-encode in the same format ever may."""
    most = writes_of(claim.candidate.format).abilities.most_region_shift
    return None if most is None else means_differ(claim.picture.first, claim.shown[0], most)


def same_to_other_eyes(claim: Claim) -> str | None:
    """Another library sees the same picture before and after, whatever it takes the file to mean."""
    eyes, trial = claim.source.codec.eyes, claim.candidate.trial
    if eyes is None or trial is None or trial.verbatim:
        return None  # of what is copied the other library sees what it saw
    before = claim.elsewhere
    if before is None:
        return None  # then the codec's own decoder compared the pixels
    after = eyes(claim.candidate.data)
    if after is None:
        return "another reader can't read it"
    # Means of blocks are exact where the view is made of them.
    shrunk = 2 * before[0].shape[1] <= claim.before.width_px
    return seen_otherwise(before, after, least_px=4 if shrunk else 8)


def wanted_to_other_eyes(claim: Claim) -> str | None:
    """Another library sees in the result what was encoded."""
    codec = codec_for(claim.candidate.format)
    most = writes_of(claim.candidate.format).abilities.most_region_shift
    if codec.eyes is None or most is None:
        return None
    after = codec.eyes(claim.candidate.data)
    if after is None:
        return "another reader can't read it"
    return seen_otherwise((claim.picture.first,), after[:1], most)

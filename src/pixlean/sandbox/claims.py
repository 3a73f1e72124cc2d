"""What a child says is a claim until it was looked at: its bytes, and every word and number that it sends.

A picture may have taken its child over. What such a child says ends up in headers, logs and JSON, so each word must
look like one of ours, and the bytes must be what they are said to be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace

from pixlean.domain.errors import ErrorCode, PixleanError, error_for
from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.formats import Format, detect, still_of
from pixlean.domain.report import Outcome, Report
from pixlean.sandbox import wire
from pixlean.sandbox.dimensions import header_px

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.,:;+()/=%-]{0,79}", re.ASCII)
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
# Text for people: no control character, and none that turns the direction of what follows (UAX 9).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOUR = re.compile("#[0-9a-f]{6}", re.ASCII)
_BASE64 = re.compile("[A-Za-z0-9+/]{0,400}={0,2}", re.ASCII)
_DATA_URL = re.compile("(data:image/webp;base64,[A-Za-z0-9+/]{0,8000}={0,2})?", re.ASCII)
_BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,.:;=?@\[\]^_{|}~-]{6,40}", re.ASCII)
_MOST_COLOURS = 16
_MOST_PX = 1 << 30
_MOST_TEXT = 500
# What a child may find wrong; all else is not its business. "retry_after" and the like would become headers.
_CODES = frozenset(
    {
        ErrorCode.INVALID_REQUEST, ErrorCode.IMAGE_TOO_LARGE, ErrorCode.UNSUPPORTED_FORMAT, ErrorCode.BAD_IMAGE,
        ErrorCode.TIMEOUT, ErrorCode.ENGINE_FAILED, ErrorCode.INTERNAL,
    }
)  # fmt: skip
_NOT_A_FACT = frozenset({"retry_after"})


def checked(outcome: Outcome, source_bytes: int) -> Outcome | None:
    """A result whose bytes are what the report says of them, in words that we would say; else ``None``.

    The bytes must be a copy that the child can't change any more.
    """
    report, data = outcome.report, outcome.data
    if report.size_bytes != len(data) or report.source_bytes != source_bytes:
        return None
    seen = detect(data)
    if seen is None or still_of(seen) != still_of(report.format):
        return None
    sides = header_px(data)
    if sides is not None and sorted(sides) != sorted((report.width_px, report.height_px)):
        return None
    return Outcome(data=data, report=_cleaned(report)) if _is_sane(report) else None


def is_sane_estimate(estimate: Estimate | None) -> bool:
    """Whether a forecast's words and numbers are such as we would say; none at all is one, too."""
    return estimate is None or (
        _are_words((estimate.mode, *filter(None, (estimate.winner,))))
        and _are_sides((estimate.width_px, estimate.height_px))
        and all(0 <= size < 1 << 50 for size in (estimate.original_bytes, estimate.optimized_bytes))
        and 0 < estimate.bit_depth <= 64
        and 0 < estimate.frames < _MOST_PX
        and math.isfinite(estimate.spread_points)
        and len(estimate.alternatives) <= len(Format)
        and all(0 < each.size_bytes < 1 << 50 for each in estimate.alternatives)
    )


def are_sane_facts(facts: Facts) -> bool:
    """Whether what is said of a picture are words and numbers such as we would say."""
    return (
        _are_words((facts.mode, *facts.metadata, *filter(None, (facts.chroma_subsampling,))))
        and _are_sides((facts.width_px, facts.height_px))
        and not _UNPRINTABLE.search(facts.profile)
        and len(facts.profile) <= _MOST_TEXT
        and _COLOUR.fullmatch(facts.dominant_colour) is not None
        and len(facts.palette) <= _MOST_COLOURS
        and all(_COLOUR.fullmatch(colour) for colour in facts.palette)
        and _BLURHASH.fullmatch(facts.blurhash) is not None
        and _BASE64.fullmatch(facts.thumbhash) is not None
        and _DATA_URL.fullmatch(facts.lqip) is not None
    )


def error_of(failed: wire.Failed) -> PixleanError:
    """A child's word as our exception."""
    code = ErrorCode(failed.code) if failed.code in _CODES else ErrorCode.ENGINE_FAILED
    facts = {
        key: _text(value) if isinstance(value, str) else value
        for key, value in failed.facts.items()
        if _KEY.fullmatch(key) and key not in _NOT_A_FACT
    }
    return error_for(code, _text(failed.message), facts)


def _cleaned(report: Report) -> Report:
    """The report, with what may stand in an exception's text made fit to be shown."""
    attempts = tuple(
        each if each.dropped is None else replace(each, dropped=_text(each.dropped)) for each in report.attempts
    )
    return replace(report, attempts=attempts)


def _text(words: str) -> str:
    return _UNPRINTABLE.sub(" ", words)[:_MOST_TEXT]


def _is_sane(report: Report) -> bool:
    return (
        _are_words((report.method, *(attempt.method for attempt in report.attempts)))
        and all(0 <= (attempt.size_bytes or 0) < 1 << 50 for attempt in report.attempts)
        and _are_sides((report.width_px, report.height_px, *report.source_px))
        and (report.score is None or math.isfinite(report.score))
        and (report.quality is None or 0 <= report.quality <= 100)
        and 0 <= report.encodes < 10_000
        and all(_KEY.fullmatch(key) and math.isfinite(value) and value >= 0 for key, value in report.seconds.items())
    )


def _are_words(words: Iterable[str]) -> bool:
    return all(_WORD.fullmatch(word) for word in words)


def _are_sides(sides: Iterable[int]) -> bool:
    return all(0 < side < _MOST_PX for side in sides)

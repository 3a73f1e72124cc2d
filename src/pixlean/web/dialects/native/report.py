"""All that is said of a result, for those who ask for it with ``report``."""

from __future__ import annotations

from typing import Any

from pixlean.domain.report import Report

# It travels in a header, and clients take no more than 8 KiB of all headers.
_MOST_ATTEMPTS, _MOST_CHARACTERS = 30, 120


def told(report: Report) -> dict[str, Any]:
    """The sides in pixels, and what was tried: at most 30 attempts, of each its size or why it was dropped."""
    return {
        "width": report.width_px,
        "height": report.height_px,
        "original": list(report.source_px),
        "quality": report.quality,
        "encodes": report.encodes,
        "attempts": [
            {
                "method": attempt.method,
                "size": attempt.size_bytes,
                "dropped": None if attempt.dropped is None else attempt.dropped[:_MOST_CHARACTERS],
            }
            for attempt in report.attempts[:_MOST_ATTEMPTS]
        ],
    }

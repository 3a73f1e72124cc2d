"""Which formats a client says it can show."""

from __future__ import annotations

from pixlean.domain.formats import FORMATS, Format

OUTPUTS = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.JXL, Format.GIF)
_EVERYWHERE = (Format.JPEG, Format.PNG)


def names(accept: str, wanted: Format) -> bool:
    """Whether an ``Accept`` header names a format itself, and does not refuse it with ``q=0``."""
    for part in accept.lower().split(","):
        kind, _, parameters = part.strip().partition(";")
        if kind.strip() == FORMATS[wanted].media_type:
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def acceptable(accept: str) -> tuple[Format, ...]:
    """What ``auto`` may choose from: JPEG and PNG always, WebP unless only others are named, newer ones if named.

    ``*/*`` and a missing header are what every client sends: they say nothing about AVIF or JPEG XL.
    """
    named = tuple(each for each in (Format.WEBP, Format.AVIF, Format.JXL) if names(accept, each))
    silent = "image/" not in accept.lower() or "image/*" in accept.lower()
    webp = (Format.WEBP,) if silent and Format.WEBP not in named else ()
    return (*_EVERYWHERE, *webp, *named)

"""Which formats a client says it can show."""

from __future__ import annotations

from pixlean.domain.formats import FORMATS, Audience, Format

OUTPUTS = tuple(name for name, row in FORMATS.items() if row.output)


def names(accept: str, wanted: Format) -> bool:
    """Whether an ``Accept`` header names a format itself, and does not refuse it with ``q=0``."""
    for part in accept.lower().split(","):
        kind, _, parameters = part.strip().partition(";")
        if kind.strip() == FORMATS[wanted].media_type:
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def acceptable(accept: str) -> tuple[Format, ...]:
    """What ``auto`` may choose from: what all viewers show, what most show unless others are named, the rest if named.

    ``*/*`` and a missing header are what every client sends: they say nothing about new formats.
    """
    silent = "image/" not in accept.lower() or "image/*" in accept.lower()
    taken_for_granted = Audience.MOST if silent else Audience.ALL
    return tuple(
        name
        for name, row in FORMATS.items()
        if row.audience is not None and (row.audience >= taken_for_granted or names(accept, name))
    )


def shown_by(accept: str) -> tuple[Format, ...]:
    """What ``auto`` may choose from where a cache answers for others: what every viewer shows, and what is named."""
    return tuple(
        name
        for name, row in FORMATS.items()
        if row.audience is not None and (row.audience is Audience.ALL or names(accept, name))
    )

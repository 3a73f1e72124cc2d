"""Which formats a client says it can show."""

from __future__ import annotations

from pixlean.domain.formats import FORMATS, Audience, Format

OUTPUTS = tuple(name for name, row in FORMATS.items() if row.output)


_MEDIA_TYPES = frozenset(row.media_type for row in FORMATS.values())
_REFUSED = ("q=0", "q=0.0", "q=0.00", "q=0.000")


def essence(accept: str) -> str:
    """What of an ``Accept`` header counts for ``names`` and ``shown_by``: few words, however long the header is.

    For those who keep what they read by what was sent.
    """
    return ",".join(sorted(kind for kind, is_shown in _told(accept).items() if is_shown))


def names(accept: str, wanted: Format) -> bool:
    """Whether an ``Accept`` header names a format itself, and does not refuse it with ``q=0``."""
    return _told(accept).get(FORMATS[wanted].media_type, False)


def _told(accept: str) -> dict[str, bool]:
    """The media types of ours that a header names, and whether it wants them; what comes first counts."""
    found: dict[str, bool] = {}
    for part in accept.lower().split(","):
        kind, _, parameters = part.strip().partition(";")
        if kind.strip() in _MEDIA_TYPES:
            found.setdefault(kind.strip(), parameters.replace(" ", "") not in _REFUSED)
    return found


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

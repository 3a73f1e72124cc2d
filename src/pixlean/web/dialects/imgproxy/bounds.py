"""Limits of sources that a URL sets for itself, where the operator lets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from pixlean.domain.errors import AccessDenied, ErrorCode
from pixlean.domain.limits import Limits
from pixlean.web.dialects.imgproxy import values
from pixlean.web.dialects.imgproxy.settings import Settings
from pixlean.web.dialects.imgproxy.values import Arguments

_MOST_MEGAPIXELS, _MOST_BYTES = 100_000.0, 1 << 40


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The largest source, in megapixels and in bytes; ``None`` is what the operator said, 0 bytes are any."""

    megapixels: float | None = None
    file_bytes: int | None = None


NO_BOUNDS = Bounds()


def limits(asked: Bounds, settings: Settings) -> tuple[Limits, int | None]:
    """The limits of the engine, and the most bytes that are fetched. Raises ``AccessDenied`` where URLs set none."""
    if asked != NO_BOUNDS and not settings.sets_limits:
        raise AccessDenied("security options are not allowed here", code=ErrorCode.BAD_SIGNATURE)
    megapixels = settings.max_megapixels if asked.megapixels is None else asked.megapixels
    file_bytes = settings.max_file_bytes if asked.file_bytes is None else asked.file_bytes
    return Limits.of_pixels(int(1e6 * megapixels)), file_bytes or None


def _resolution(asked: Bounds, arguments: Arguments) -> Bounds:
    megapixels = values.number(values.few(arguments, 1)[0])
    return replace(asked, megapixels=min(megapixels, _MOST_MEGAPIXELS))


def _file_size(asked: Bounds, arguments: Arguments) -> Bounds:
    return replace(asked, file_bytes=values.whole(values.few(arguments, 1)[0], _MOST_BYTES))


_READERS: Mapping[str, Callable[[Bounds, Arguments], Bounds]] = {
    "max_src_resolution": _resolution,
    "msr": _resolution,
    "max_src_file_size": _file_size,
    "msfs": _file_size,
}


class _Bounded(Protocol):
    """What a URL says, with the limits that it sets."""

    @property
    def bounds(self) -> Bounds:
        """Them."""


_Said = TypeVar("_Said", bound=_Bounded)


def readers(_kind: type[_Said]) -> dict[str, Callable[[_Said, Arguments], _Said]]:
    """The options that set limits, for this kind of what a URL says."""

    def within(read: Callable[[Bounds, Arguments], Bounds]) -> Callable[[_Said, Arguments], _Said]:
        def read_bounds(said: _Said, arguments: Arguments) -> _Said:
            return replace(said, bounds=read(said.bounds, arguments))  # type: ignore[type-var]

        return read_bounds

    return {name: within(read) for name, read in _READERS.items()}

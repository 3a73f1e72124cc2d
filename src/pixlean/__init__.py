"""pixlean makes pictures smaller and keeps them looking the same.

>>> import pixlean
>>> outcome = pixlean.compress(data, quality=60)    # doctest: +SKIP
>>> outcome.data, outcome.method, outcome.reduction_percent    # doctest: +SKIP

``pixlean.aio`` has the same for asyncio, ``pixlean.Pool`` the same in confined child processes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Unpack

from pixlean.domain import version
from pixlean.domain.errors import PixleanError
from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.image import ImageInfo
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome, Report
from pixlean.domain.words import FormatWord, More

if TYPE_CHECKING:
    from pixlean import aio
    from pixlean.pool import Pool

__version__ = version.VERSION
__all__ = [
    "Estimate",
    "Facts",
    "ImageInfo",
    "Outcome",
    "PixleanError",
    "Pool",
    "Recipe",
    "Report",
    "__version__",
    "aio",
    "compress",
    "estimate",
    "info",
    "probe",
    "score",
]
Data = bytes | bytearray | memoryview | os.PathLike[str]


def compress(
    data: Data,
    *,
    quality: int = 80,
    format: FormatWord | None = None,  # noqa: A002 - the word of the command line and of HTTP
    max_width: int | None = None,
    max_height: int | None = None,
    target_bytes: int | None = None,
    min_score: float | None = None,
    strip_metadata: bool = True,
    **more: Unpack[More],
) -> Outcome:
    """Make one picture smaller in this process; the bytes come back with their report.

    ``data`` is the picture or its path. ``quality`` is 1 (smallest) to 100; ``format`` is the result's, ``"auto"`` the
    smallest of several, ``None`` the picture's own; ``max_width`` and ``max_height`` are pixels; ``target_bytes`` must
    not be exceeded; ``min_score`` (SSIMULACRA2, 0 to 100) is kept. ``more`` are the other fields of ``Recipe``.

    Raises ``PixleanError``, and ``ValueError`` or ``TypeError`` for arguments, which they name. Nothing is sandboxed
    here: for pictures of strangers use ``Pool``, the server or the command line.
    """
    from pixlean.domain.words import recipe_of
    from pixlean.engine.compress import compress as run

    recipe = recipe_of(
        more, quality=quality, format=format, max_width=max_width, max_height=max_height, target_bytes=target_bytes,
        min_score=min_score, strip_metadata=strip_metadata,
    )  # fmt: skip
    return run(bytes_of(data), recipe)


def estimate(
    data: Data,
    *,
    quality: int = 80,
    format: FormatWord | None = None,  # noqa: A002 - the word of the command line and of HTTP
    max_width: int | None = None,
    max_height: int | None = None,
    target_bytes: int | None = None,
    min_score: float | None = None,
    strip_metadata: bool = True,
    **more: Unpack[More],
) -> Estimate:
    """Forecast what ``compress`` would return for the same arguments. Raises what it raises."""
    from pixlean.domain.words import recipe_of
    from pixlean.engine.estimate import estimate as run

    recipe = recipe_of(
        more, quality=quality, format=format, max_width=max_width, max_height=max_height, target_bytes=target_bytes,
        min_score=min_score, strip_metadata=strip_metadata,
    )  # fmt: skip
    return run(bytes_of(data), recipe)


def score(original: Data, other: Data) -> float:
    """How alike two pictures look: SSIMULACRA2, 100 identical, 90 no visible difference, 50 clearly worse.

    Both as a viewer shows them: upright, in sRGB; of animations and pages the frames that both have. Raises
    ``PixleanError``, and ``ValueError`` where they have different sizes.
    """
    from pixlean.engine.score import score as run

    return run(bytes_of(original, "original"), bytes_of(other, "other"))


def probe(data: Data) -> ImageInfo:
    """What the header of a picture says. Raises ``PixleanError``."""
    from pixlean.engine.probe import probe as run

    return run(bytes_of(data))


def info(data: Data) -> Facts:
    """What a picture is: its header in words, its main colour, and placeholders for it. Raises ``PixleanError``."""
    from pixlean.engine.inspect import inspect as run

    return run(bytes_of(data))


def bytes_of(data: Data, name: str = "data") -> bytes:
    """The picture itself, wherever it is. Raises ``TypeError``, which names the argument, and ``OSError``."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    if isinstance(data, os.PathLike):
        from pathlib import Path

        return Path(data).read_bytes()
    hint = "; a path is pathlib.Path(...)" if isinstance(data, str) else ""
    raise TypeError(f"{name} must be bytes or a path, not {type(data).__name__}{hint}")


def __getattr__(name: str) -> Any:
    """``aio`` and ``Pool`` bring asyncio and the sandbox with them: only those who ask pay for that."""
    from importlib import import_module

    if name == "aio":
        return import_module("pixlean.aio")
    if name == "Pool":
        return import_module("pixlean.pool").Pool
    raise AttributeError(f"module 'pixlean' has no attribute {name!r}")

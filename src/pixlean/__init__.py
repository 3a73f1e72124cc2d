"""pixlean makes pictures smaller and keeps them looking the same.

>>> import pixlean
>>> outcome = pixlean.compress(data, quality=60)    # doctest: +SKIP
>>> outcome.data, outcome.method, outcome.reduction_percent    # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pixlean.domain import version

if TYPE_CHECKING:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.estimate import Estimate
    from pixlean.domain.image import ImageInfo
    from pixlean.domain.outcome import Outcome
    from pixlean.domain.recipe import Recipe

__version__ = version.VERSION
__all__ = [
    "Estimate",
    "ImageInfo",
    "Outcome",
    "PixleanError",
    "Recipe",
    "__version__",
    "compress",
    "estimate",
    "probe",
    "score",
]
_LAZY = {
    "Estimate": "pixlean.domain.estimate",
    "PixleanError": "pixlean.domain.errors",
    "ImageInfo": "pixlean.domain.image",
    "Outcome": "pixlean.domain.outcome",
    "Recipe": "pixlean.domain.recipe",
}


def compress(data: bytes, *, quality: int = 80, **options: Any) -> Outcome:
    """Make one picture smaller in this process; the bytes come back with the evidence.

    ``options`` are the other fields of ``Recipe``. Raises ``PixleanError``. Nothing is sandboxed here: for
    pictures of strangers use the server or the command line.
    """
    from pixlean.domain.recipe import Recipe
    from pixlean.engine.compress import compress as run

    if not 1 <= quality <= 100:
        raise ValueError("quality must be from 1 to 100")
    return run(bytes(data), Recipe(quality=quality, **options))


def estimate(data: bytes, *, quality: int = 80, **options: Any) -> Estimate:
    """Forecast what ``compress`` would return for the same arguments. Raises ``PixleanError``."""
    from pixlean.domain.recipe import Recipe
    from pixlean.engine.estimate import estimate as run

    if not 1 <= quality <= 100:
        raise ValueError("quality must be from 1 to 100")
    return run(bytes(data), Recipe(quality=quality, **options))


def score(original: bytes, other: bytes) -> float:
    """How alike two pictures look: SSIMULACRA2, 100 identical, 90 no visible difference, 50 clearly worse.

    Both as a viewer shows them: upright, in sRGB; of animations and pages the frames that both have. Raises
    ``PixleanError``, and ``ValueError`` where they have different sizes.
    """
    from pixlean.engine.score import score as run

    return run(bytes(original), bytes(other))


def probe(data: bytes) -> ImageInfo:
    """What the header of a picture says. Raises ``PixleanError``."""
    from pixlean.engine.probe import probe as run

    return run(bytes(data))


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'pixlean' has no attribute {name!r}")

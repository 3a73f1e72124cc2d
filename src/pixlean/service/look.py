"""Look at one picture: what it is, and what compressing it would save."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.domain.share import tenant
from pixlean.service.estimate import EstimateSavings
from pixlean.service.inputs import Origin, Upload, opened
from pixlean.service.workshop import Workshop


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a caller gets; ``seconds`` is where the time went."""

    facts: Facts
    estimate: Estimate
    seconds: dict[str, float] = field(default_factory=dict)


class Look:
    """The use case; built once by the wiring."""

    def __init__(self, workshop: Workshop, estimate: EstimateSavings) -> None:
        self._workshop = workshop
        self._estimate = estimate

    async def __call__(self, origin: Origin, recipe: Recipe) -> Looked:
        """What a picture is, with the estimate of a recipe. Raises what the fetcher, the gate and the pool raise."""
        async with opened(origin, self._workshop.fetcher) as picture:
            facts, seconds = await self.facts(Upload(picture.file), self._workshop.limits)
            estimated = await self._estimate(Upload(picture.file), recipe)
        return Looked(
            facts=facts, estimate=estimated.estimate, seconds={**picture.seconds, **seconds, **estimated.seconds}
        )

    async def facts(self, upload: Upload, limits: Limits) -> tuple[Facts, dict[str, float]]:
        """What a picture is within these limits, and where the time went. Raises what the gate and the pool raise."""
        shop = self._workshop
        async with shop.place() as waited:
            started = time.perf_counter()
            facts = await shop.pool.inspect(upload.file, limits, tenant=tenant())
        return facts, {"queue": waited, "look": time.perf_counter() - started}

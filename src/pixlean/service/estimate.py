"""Estimate what compressing one picture would save: from the picture, or from the head of a large one behind a URL."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from pixlean.domain.errors import BadImage, EngineFailed, ErrorCode, InvalidRequest, PixleanError
from pixlean.domain.estimate import Estimate, Strategy
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.share import tenant
from pixlean.service.compress import Compress
from pixlean.service.inputs import Input, Link, Origin, opened
from pixlean.service.workshop import Workshop

# From here on a picture behind a URL is judged by its head: less than the 10 MB from which on the native API speaks
# of large files, and more than what a fetch and a decode make of a usual photograph.
_LARGE_BYTES = 6_000_000
_NAMED_LARGE_BYTES = 10_000_000
_HEAD_BYTES = 60_000


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """What a caller gets."""

    estimate: Estimate
    fetched_bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


class EstimateSavings:
    """The use case; built once by the wiring."""

    def __init__(self, workshop: Workshop, compress: Compress) -> None:
        self._workshop = workshop
        self._compress = compress

    async def __call__(
        self, origin: Origin, recipe: Recipe, *, thumbnail_url: str | None = None, file_bytes: int | None = None,
        alternatives: bool = False,
    ) -> Estimated:  # fmt: skip
        """Estimate a picture. Raises what the fetcher, the gate and the pool raise.

        ``alternatives`` asks for other formats at the same look too, for which the whole file is needed.

        ``thumbnail_url`` is a small version of the picture, for large files whose head says too little; ``file_bytes``
        the size of the large one. ``InvalidRequest`` where a thumbnail stands for a file of 10 MB and more whose size
        is not given.
        """
        started = time.perf_counter()
        by_head = None
        if isinstance(origin, Link) and not alternatives:
            by_head = await self._by_head(origin, recipe, thumbnail_url, file_bytes)
        estimated = by_head or await self._by_file(origin, recipe, alternatives=alternatives)
        return replace(estimated, seconds={**estimated.seconds, "estimate": time.perf_counter() - started})

    async def _by_file(self, origin: Origin, recipe: Recipe, *, alternatives: bool = False) -> Estimated:
        async with opened(origin, self._workshop.fetcher) as picture:
            estimate = await self._asked(picture, recipe, alternatives=alternatives)
            fetched = picture.file.size_bytes if isinstance(origin, Link) else 0
            return Estimated(estimate=estimate, fetched_bytes=fetched, seconds=picture.seconds)

    async def _by_head(
        self, link: Link, recipe: Recipe, thumbnail_url: str | None, file_bytes: int | None
    ) -> Estimated | None:
        """An estimate without the file, where it is large; ``None`` where the file should be fetched."""
        with MemoryFile("head") as file:
            head = await self._workshop.fetcher.fetch_head(link.url, file, _HEAD_BYTES)
            if not file.size_bytes:
                raise BadImage("the URL leads to an empty file", code=ErrorCode.UNSUPPORTED_FORMAT)
            total = head.total_bytes or file_bytes
            if total is not None:
                self._workshop.fetcher.check_size(total)
            if thumbnail_url and file_bytes is None and (total or 0) >= _NAMED_LARGE_BYTES:
                raise InvalidRequest("'file_size' is needed with 'thumbnail_url' for files of 10 MB and more")
            if head.is_whole:
                return Estimated(estimate=await self._asked(Input(file=file), recipe), fetched_bytes=file.size_bytes)
            if total is None or total < _LARGE_BYTES:
                return None
            return await self._large(file, total, recipe, thumbnail_url)

    async def _large(
        self, head: MemoryFile, total_bytes: int, recipe: Recipe, thumbnail_url: str | None
    ) -> Estimated | None:
        async with self._workshop.place():
            estimate = await self._workshop.pool.estimate(
                head, recipe, self._workshop.limits, total_bytes=total_bytes, tenant=tenant()
            )
        if estimate is not None and estimate.is_known:
            return Estimated(estimate=estimate, fetched_bytes=head.size_bytes)
        if not thumbnail_url:
            return None
        try:
            async with opened(Link(thumbnail_url), self._workshop.fetcher) as small:
                seen = await self._asked(small, recipe)
                fetched_bytes = head.size_bytes + small.file.size_bytes
        except PixleanError as error:
            raise type(error)(f"the thumbnail: {error.message}", code=error.code, facts=error.facts) from error
        return Estimated(estimate=_scaled(seen, estimate, total_bytes), fetched_bytes=fetched_bytes)

    async def _asked(self, picture: Input, recipe: Recipe, *, alternatives: bool = False) -> Estimate:
        async with self._workshop.place():
            estimate, outcome = await self._workshop.pool.forecast(
                picture.file, recipe, self._workshop.limits, tenant=tenant(), alternatives=alternatives
            )
        if estimate is None:
            raise EngineFailed("the picture could not be estimated")
        if outcome is not None:
            await self._compress.keep(picture, recipe, outcome)  # who asks what it saves is likely to want it
        return estimate


def _scaled(seen: Estimate, described: Estimate | None, total_bytes: int) -> Estimate:
    """A thumbnail's estimate for the large picture: the same share saved, and a good deal less sure.

    What the picture is, its own first bytes say, where they say anything.
    """
    share = seen.optimized_bytes / seen.original_bytes
    return replace(
        described or seen,
        winner=seen.winner,
        original_bytes=total_bytes,
        optimized_bytes=round(total_bytes * share),
        strategy=Strategy.SAMPLE,
        spread_points=10.0,
    )

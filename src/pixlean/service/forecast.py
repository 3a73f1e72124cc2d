"""What a batch would save and cost, from a sample of its objects."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from pixlean.domain.errors import PixleanError
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.sandbox.pool import Pool
from pixlean.service.bulk import Bulk, picked
from pixlean.storage.depot import Item

_DRAWS = 2000
_SURE = 0.95


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Of ``objects`` with ``bytes`` together; ``sampled`` of them were looked at, ``failed`` of these are no pictures.

    ``after_bytes`` is what they would take, ``least_bytes`` and ``most_bytes`` the bounds that hold for 95 of 100
    samples. ``seconds`` is the work of one core, as the estimates took.
    """

    objects: int
    bytes: int
    sampled: int
    failed: int
    after_bytes: int
    least_bytes: int
    most_bytes: int
    seconds: float


async def sampled(bulk: Bulk, most: int, seed: int = 0) -> tuple[list[Item], int, int]:
    """So many of the picked objects at most, each as likely as any other, with the number and bytes of all.

    One pass, and no more in memory than the sample: J. S. Vitter, Random Sampling with a Reservoir, algorithm R.
    """
    dice, kept, objects, size = random.Random(seed), list[Item](), 0, 0  # noqa: S311 - a sample, no secret
    async for item in picked(bulk):
        objects, size = objects + 1, size + item.size_bytes
        if len(kept) < most:
            kept.append(item)
        elif (at := dice.randrange(objects)) < most:
            kept[at] = item
    return kept, objects, size


async def forecast(bulk: Bulk, pool: Pool, most: int = 100, seed: int = 0) -> Forecast:
    """Estimate a sample. Raises ``SourceFailed`` where the place can't be listed."""
    items, objects, size = await sampled(bulk, most, seed)
    pairs, failed, seconds = list[tuple[int, int]](), 0, 0.0
    for item in items:
        try:
            body = await bulk.source.read(item.key)
            with MemoryFile("bulk") as file:
                file.write_all(body.data)
                began = time.perf_counter()
                estimate = await pool.estimate(file, bulk.recipe, Limits())
                seconds += time.perf_counter() - began
        except PixleanError:
            failed += 1
            continue
        pairs.append((len(body.data), len(body.data) if estimate is None else estimate.optimized_bytes))
    low, middle, high = _shares(pairs, seed)
    scale = objects / len(items) if items else 0.0
    return Forecast(
        objects=objects, bytes=size, sampled=len(items), failed=failed, after_bytes=round(size * middle),
        least_bytes=round(size * low), most_bytes=round(size * high), seconds=seconds * scale,
    )  # fmt: skip


def _shares(pairs: list[tuple[int, int]], seed: int) -> tuple[float, float, float]:
    """What is left of each byte: between which bounds, and in the middle; by drawing the sample again and again."""
    if not pairs:
        return 1.0, 1.0, 1.0
    dice = random.Random(seed)  # noqa: S311 - a bootstrap, no secret

    def share(drawn: list[tuple[int, int]]) -> float:
        return sum(after for _, after in drawn) / max(1, sum(before for before, _ in drawn))

    drawn = sorted(share(dice.choices(pairs, k=len(pairs))) for _ in range(_DRAWS))
    edge = int((1 - _SURE) / 2 * _DRAWS)
    return drawn[edge], share(pairs), drawn[-1 - edge]

"""A batch on a Ray cluster: chunks of objects go to workers on its nodes, each with encoding processes of its own.

A chunk whose process or node dies is tried again elsewhere, and only its rest is done: each chunk has its own part of
the ledger, which says what was done. The nodes need pixlean and reach both places.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pixlean.domain import version
from pixlean.domain.bulk import Line
from pixlean.domain.errors import PixleanError, Unavailable
from pixlean.sandbox.pool import Pool
from pixlean.sandbox.pool import Settings as PoolSettings
from pixlean.service.bulk import SECONDS_A_PICTURE, Bulk, Cluster, lines_of, run
from pixlean.storage.depot import Item

# A chunk that loses its worker so often is given up: pictures are decoded in children of their own and can't do that.
_MOST_LOSSES = 20
_SECONDS_TO_CONNECT = 10.0


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    items: tuple[Item, ...]

    @property
    def part(self) -> str:
        """Its part of the ledger: the same for the same objects as they are now, whoever does them."""
        keys = "\0".join(f"{item.key}\0{item.etag}" for item in self.items).encode("utf-8", "surrogateescape")
        return f"{hashlib.blake2b(keys, digest_size=8).hexdigest()}/"


async def run_on_ray(bulk: Bulk, cluster: Cluster, items: AsyncIterator[Item], told: Callable[[Line], None]) -> None:
    """Do the items as ``service.bulk.run`` does, on the cluster's nodes.

    Raises ``Unavailable`` where the cluster is not to be reached or has another pixlean, and what ``run`` raises.
    """
    import ray

    _connect(cluster)
    try:
        order = ray.remote(num_cpus=1, max_retries=_MOST_LOSSES)(_work)
        given = ray.put((version.VERSION, replace(bulk, slots=1)))
        at_work: set[asyncio.Task[list[Line]]] = set()
        async for chunk in _chunks(items, cluster.chunk_objects):
            while len(at_work) >= _most_at_work(cluster):
                at_work = await _some(at_work, told)
            at_work.add(asyncio.create_task(_lines(order.remote(given, chunk), chunk)))
        while at_work:
            at_work = await _some(at_work, told)
    finally:
        ray.shutdown()


def _most_at_work(cluster: Cluster) -> int:
    """As many as were asked for; else two a core, so that none has to wait for the list: nodes may come and go."""
    import ray

    return cluster.workers or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))


async def _some(at_work: set[asyncio.Task[list[Line]]], told: Callable[[Line], None]) -> set[asyncio.Task[list[Line]]]:
    """Wait for a chunk, tell of it, and return those that are still at work."""
    done, rest = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        for line in task.result():
            told(line)
    return rest


async def _lines(result: Any, chunk: _Chunk) -> list[Line]:
    """What came of a chunk, also where every process that tried it was lost."""
    import ray

    try:
        found: list[Line] = await result
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from error
    except ray.exceptions.RayError as error:
        lost = f"its worker was lost {_MOST_LOSSES} times: {str(error).strip().splitlines()[0]}"
        return [Line(key=i.key, etag=i.etag, before_bytes=i.size_bytes, error=lost) for i in chunk.items]
    return found


def _connect(cluster: Cluster) -> None:
    import ray

    _check_answers(cluster.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers that it runs here
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or it warns of a change to come
    more = {} if cluster.address else {"num_cpus": cluster.workers, "include_dashboard": False}
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR", **more)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise Unavailable(f"Ray is not to be reached: {str(error).splitlines()[0]}") from error


def _check_answers(address: str | None) -> None:
    """Ray itself would wait for minutes for a head that is not there."""
    if address is not None and "://" in address:
        raise Unavailable(
            f"Ray is reached by HOST:PORT of its head or by auto, from one of its nodes, not by {address}"
        )
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise Unavailable(f"Ray is not to be reached at {address}: {error.strerror or error}") from error


async def _chunks(items: AsyncIterator[Item], size: int) -> AsyncIterator[_Chunk]:
    found: list[Item] = []
    async for item in items:
        found.append(item)
        if len(found) >= size:
            yield _Chunk(items=tuple(found))
            found = []
    if found:
        yield _Chunk(items=tuple(found))


def _cause(error: Any) -> PixleanError:
    if isinstance(error.cause, PixleanError):
        return error.cause
    return Unavailable(f"a worker failed: {error.cause}")


def _work(given: tuple[str, Bulk], chunk: _Chunk) -> list[Line]:
    """On a node: a line for each object of a chunk, those that were done before and those that are done now.

    Raises ``Unavailable`` where the node has another pixlean than the one that asks.
    """
    wanted, bulk = given
    if wanted != version.VERSION:
        raise Unavailable(f"a node has pixlean {version.VERSION}, this is {wanted}")
    runner, pool = _kept(bulk.slots)
    return runner.run(_done(bulk, chunk, pool))


@lru_cache(maxsize=1)
def _kept(slots: int) -> tuple[asyncio.Runner, Pool]:
    """The node's encoding processes, which stay warm from chunk to chunk and end with the process of the worker."""
    runner = asyncio.Runner()
    pool = Pool(PoolSettings(slots=slots, timeout_seconds=SECONDS_A_PICTURE))
    runner.run(pool.start())
    return runner, pool


async def _done(bulk: Bulk, chunk: _Chunk, pool: Pool) -> list[Line]:
    # An earlier try's lines. In place their ETags are those of the results, so they are known by their part alone.
    before = {line.key: line async for line in lines_of(bulk, chunk.part) if not line.error}
    done = [before[item.key] for item in chunk.items if item.key in before]
    rest = [item for item in chunk.items if item.key not in before]
    made: list[Line] = []
    await run(bulk, pool, _each(rest), made.append, chunk.part)
    return [*done, *made]


async def _each(items: list[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item

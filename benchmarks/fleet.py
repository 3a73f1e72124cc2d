"""A fleet that dies now and then, simulated: ``python -m benchmarks.fleet [--nodes 200] [--check]``.

``pixlean batch --engine ray`` hands chunks to cores; a node that dies takes the chunks of its cores with it, is replaced after
a while, and what the ledger does not name of them is done again elsewhere. Every random number comes from ``--seed``. With
``--check`` the same model predicts what ``benchmarks.bulk`` measures on this machine with one, two and four workers.
"""

from __future__ import annotations

import argparse
import heapq
import math
import os
import random
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import bulk


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What is assumed. Times are seconds; ``object_seconds`` is the mean of a log-normal, ``spread`` its sigma."""

    nodes: int = 200
    cores_a_node: int = 4
    objects: int = 100_000_000
    chunk_objects: int = 100
    object_seconds: float = 0.11
    spread: float = 0.7
    # Starting a worker's processes, once on each core; and what a chunk costs beside its objects (its part of the
    # ledger is listed, the task is handed over).
    start_seconds: float = 4.0
    chunk_seconds: float = 0.05
    # A node's mean time to failure: 5 % of spot instances go within an hour at the worst of times.
    node_hours: float = 20.0
    replaced_seconds: float = 180.0
    # How long Ray takes to see that a node is gone, and what a kill costs at most (service/bulk.py).
    noticed_seconds: float = 30.0
    ledger_seconds: float = 2.0
    seed: int = 1

    @property
    def cores(self) -> int:
        """All of them."""
        return self.nodes * self.cores_a_node


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of a run: ``efficiency`` is the time of the encoding alone on as many cores that never die."""

    seconds: float
    efficiency: float
    failures: int
    chunks_again: int
    objects_twice: float


def simulate(fleet: Fleet) -> Told:
    """Play one run through, event by event."""
    dice = random.Random(fleet.seed)
    chunks = math.ceil(fleet.objects / fleet.chunk_objects)
    waiting: list[float] = []  # what is left of chunks that were lost
    dies = [_next_death(dice, fleet, 0.0) for _ in range(fleet.nodes)]
    # (when the core is free, node)
    cores = [(fleet.start_seconds, core // fleet.cores_a_node) for core in range(fleet.cores)]
    heapq.heapify(cores)
    given = failures = again = 0
    twice, end, returned = 0.0, 0.0, list[tuple[float, float]]()
    while given < chunks or returned or waiting:
        now, node = heapq.heappop(cores)
        while returned and returned[0][0] <= now:
            waiting.append(heapq.heappop(returned)[1])
        if dies[node] <= now:
            failures += 1
            back = dies[node] + fleet.replaced_seconds + fleet.start_seconds
            dies[node] = _next_death(dice, fleet, back)
            cores = [(max(free, back) if owner == node else free, owner) for free, owner in cores]
            heapq.heapify(cores)
            heapq.heappush(cores, (back, node))
            continue
        if waiting:
            objects = waiting.pop()
            again += 1
        elif given < chunks:
            objects = float(min(fleet.chunk_objects, fleet.objects - given * fleet.chunk_objects))
            given += 1
        else:
            heapq.heappush(cores, (returned[0][0], node))  # idle until a lost chunk is noticed
            continue
        took = fleet.chunk_seconds + _chunk(dice, fleet, objects)
        if now + took <= dies[node]:
            end = max(end, now + took)
            heapq.heappush(cores, (now + took, node))
            continue
        done = objects * (dies[node] - now) / took
        lost = min(done, dice.random() * fleet.ledger_seconds / fleet.object_seconds)
        twice += lost
        heapq.heappush(returned, (dies[node] + fleet.noticed_seconds, objects - done + lost))
        heapq.heappush(cores, (dies[node], node))
    ideal = fleet.objects * fleet.object_seconds / fleet.cores
    return Told(seconds=end, efficiency=ideal / end, failures=failures, chunks_again=again, objects_twice=twice)


def _next_death(dice: random.Random, fleet: Fleet, after: float) -> float:
    return after + dice.expovariate(1 / (fleet.node_hours * 3600)) if fleet.node_hours else math.inf


def _chunk(dice: random.Random, fleet: Fleet, objects: float) -> float:
    """The time of so many objects: the sum of log-normals, by its mean and deviation (from thirty on it is normal)."""
    if objects <= 0:
        return 0.0
    deviation = fleet.object_seconds * math.sqrt(math.exp(fleet.spread**2) - 1)
    return max(0.0, dice.gauss(objects * fleet.object_seconds, deviation * math.sqrt(objects)))


def main() -> None:
    """Simulate ten runs, or check the model."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    for name in ("nodes", "cores_a_node", "objects", "chunk_objects", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Fleet(), name))
    for name in ("object_seconds", "node_hours"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Fleet(), name))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--check", action="store_true", help="beside what is measured here with 1, 2 and 4 workers")
    wanted = vars(parser.parse_args())
    runs, check = wanted.pop("runs"), wanted.pop("check")
    fleet = Fleet(**wanted)
    if check:
        _check()
        return
    told = [simulate(replace(fleet, seed=fleet.seed + number)) for number in range(runs)]
    hours = sorted(each.seconds / 3600 for each in told)
    print(f"{fleet.objects:,} objects on {fleet.nodes} nodes of {fleet.cores_a_node} cores, {runs} runs")
    print(f"hours: {hours[0]:.2f} to {hours[-1]:.2f}, median {statistics.median(hours):.2f}")
    for name in ("efficiency", "failures", "chunks_again", "objects_twice"):
        values = [getattr(each, name) for each in told]
        print(
            f"{name.replace('_', ' ')}: {min(values):,.3f} to {max(values):,.3f}, median {statistics.median(values):,.3f}"
        )


def _check() -> None:
    """The model's rate beside the measured one; more workers than cores share them."""
    objects = 1200
    with tempfile.TemporaryDirectory() as place:
        source = bulk.make_objects(Path(place), objects)
        bare = bulk.measure_bare(source)
        for engine in ("local", "ray"):
            for workers in (1, 2, 4):
                rate = bulk.measure_batch(str(source), f"{place}/{engine}{workers}", engine, workers, objects)
                cores = min(workers, os.cpu_count() or 1)
                told = simulate(
                    Fleet(nodes=cores, cores_a_node=1, objects=objects, object_seconds=1 / bare.a_second, node_hours=0,
                          start_seconds=0)
                )  # fmt: skip
                print(
                    f"{rate.name} on {cores} cores: {objects / told.seconds:.1f} a second predicted, {rate.a_second:.1f} measured",
                    flush=True,
                )


if __name__ == "__main__":
    main()

"""The simulated fleet does all its work, and what it loses is what its assumptions say."""

from dataclasses import replace

import pytest
from benchmarks.fleet import Fleet, simulate

SMALL = Fleet(nodes=10, cores_a_node=2, objects=200_000, node_hours=0)


def test_a_fleet_that_never_fails_takes_the_time_of_its_work() -> None:
    told = simulate(SMALL)
    work = SMALL.objects * SMALL.object_seconds / SMALL.cores
    assert work < told.seconds < 1.05 * work + SMALL.start_seconds and not told.failures and not told.objects_twice


def test_the_same_seed_is_the_same_run_and_another_one_another() -> None:
    shaky = replace(SMALL, node_hours=0.2)
    assert simulate(shaky) == simulate(shaky) != simulate(replace(shaky, seed=2))


def test_nodes_that_die_cost_time_and_little_work_twice() -> None:
    calm, shaky = simulate(SMALL), simulate(replace(SMALL, node_hours=0.2))
    assert shaky.failures > 5 and shaky.chunks_again > shaky.failures and shaky.seconds > calm.seconds
    most = shaky.failures * SMALL.cores_a_node * SMALL.ledger_seconds / SMALL.object_seconds
    assert 0 < shaky.objects_twice <= most


def test_twice_the_nodes_take_half_the_time() -> None:
    once, twice = simulate(SMALL), simulate(replace(SMALL, nodes=20))
    assert once.seconds / twice.seconds == pytest.approx(2, rel=0.03)

"""``pixlean batch --engine ray``: the same results on a cluster, each once, whoever dies."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pictures import graphic, opened, photo, saved
from pixlean.domain.bulk import Line, Picking
from pixlean.domain.recipe import Recipe
from pixlean.sandbox.pool import Pool
from pixlean.sandbox.settings import Settings
from pixlean.service import rayengine
from pixlean.service.bulk import Bulk, picked
from pixlean.storage.depot import Depot

WORDS = [sys.executable, "-m", "pixlean.cli", "batch"]


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*") if path.is_file()}


def ledger(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / ".pixlean").rglob("*.ndjson"))
    return [json.loads(text) for path in paths for text in path.read_text().splitlines()]


def made(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04}.png").write_bytes(saved(graphic().resize((60 + number, 60)), "PNG"))
    return folder


def pixlean(*words: str, code: int = 0) -> str:
    done = subprocess.run([*WORDS, *words], capture_output=True, check=False, text=True, timeout=170)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_cluster_makes_the_files_that_this_machine_makes(tmp_path: Path) -> None:
    from pyarrow import parquet, table

    source = made(tmp_path / "source", 12)
    (source / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    keys, report = tmp_path / "keys.parquet", tmp_path / "report.parquet"
    named = ["photo.jpg", "broken.png", *(f"{number:04}.png" for number in range(6))]
    parquet.write_table(table({"id": range(8), "key": named}), keys)
    chosen = ("--keys", str(keys), "-q", "60")
    local, ray = tmp_path / "local", tmp_path / "ray"
    pixlean(str(source), str(local), *chosen, code=1)
    said = pixlean(str(source), str(ray), *chosen, "--engine", "ray", "-j", "2", "--report", str(report), code=1)
    assert "error: broken.png: " in said and "8 done" in said
    assert results(ray) == results(local) and len(results(ray)) == 7
    rows = {row["key"]: row for row in parquet.read_table(report).to_pylist()}
    assert set(rows) == set(named) and rows["broken.png"]["error"]
    assert rows["photo.jpg"]["after_bytes"] == len(results(ray)["photo.jpg"])
    said = pixlean(str(source), str(ray), *chosen, "--engine", "ray", "--resume", code=1)
    assert "8 objects, 7 of them done already" in said


@pytest.mark.parametrize(
    "words",
    [
        ("--ray-address", "x:1"), ("--engine", "spark"), ("--keys", "{broken}"), ("-j", "-1"), ("--report", "no/such/r.html"),
    ],
)  # fmt: skip
def test_wrong_words_are_told_before_any_work(tmp_path: Path, words: tuple[str, ...]) -> None:
    broken = tmp_path / "keys.parquet"
    broken.write_bytes(b"no parquet")
    source = made(tmp_path / "source", 1)
    named = [word.format(broken=broken) for word in words]
    assert "error: " in pixlean(str(source), str(tmp_path / "target"), *named, code=2)
    assert not (tmp_path / "target").exists()


def test_the_clients_kind_of_address_is_refused_in_words(tmp_path: Path) -> None:
    source = made(tmp_path / "source", 1)
    words = ("--engine", "ray", "--ray-address", "ray://127.0.0.1:10001")
    assert "HOST:PORT" in pixlean(str(source), str(tmp_path / "target"), *words, code=1)


def test_a_chunk_that_is_tried_again_in_place_is_left_as_it_was_made(tmp_path: Path) -> None:
    source = made(tmp_path / "source", 3)
    place = Depot(str(source))
    bulk = Bulk(source=place, target=place, picking=Picking(), recipe=Recipe(quality=60), run="run")

    async def twice() -> tuple[list[Line], list[Line]]:
        chunk = rayengine._Chunk(items=tuple([item async for item in picked(bulk)]))
        pool = Pool(Settings(slots=1))
        await pool.start()
        try:
            return await rayengine._done(bulk, chunk, pool), await rayengine._done(bulk, chunk, pool)
        finally:
            await pool.stop()

    first, second = asyncio.run(twice())
    by_key = sorted(first, key=lambda line: line.key)
    assert sorted(second, key=lambda line: line.key) == by_key and len(ledger(source)) == 3


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    source = made(tmp_path / "source", 1)
    words = ("--engine", "ray", "--ray-address", "127.0.0.1:1")
    assert "Ray is not to be reached" in pixlean(str(source), str(tmp_path / "target"), *words, code=1)


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def _workers() -> list[int]:
    """The processes of the cluster's workers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::_work"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_workers_a_node_and_the_driver_die_and_every_object_is_there_once(tmp_path: Path, two_nodes: Any) -> None:
    source, target = made(tmp_path / "source", 400), tmp_path / "target"
    dice = random.Random(7)
    words = [str(source), str(target), "--resume", "--engine", "ray", "--ray-address", two_nodes.address]
    driver = subprocess.Popen([*WORDS, *words], stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(3):
        _until(lambda: bool(_workers()))
        time.sleep(dice.uniform(0.5, 2.0))
        for worker in _workers()[:1]:
            os.kill(worker, signal.SIGKILL)
    _until(lambda: len(results(target)) > 20 if target.exists() else False)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    two_nodes.remove_node(two_nodes.list_all_nodes()[-1], allow_graceful=False)
    pixlean(*words)
    found = results(target)
    assert set(found) == set(results(source))
    for name, data in found.items():
        assert opened(data).size == opened((source / name).read_bytes()).size
    good = [line["key"] for line in ledger(target) if not line["error"]]
    assert sorted(good) == sorted(found), "an object was done twice, or is not written down"


def _until(holds: Any) -> None:
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")

"""Batches that are cut off, and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import opened, photo, saved


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pixlean.cli", "optimize", "in", "--out", "out", *words],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PIXLEAN_DATA_DIR": str(folder / "state")},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / "in" / f"{number:02}.png").write_bytes(small(80 + number))
    return tmp_path


def small(width: int) -> bytes:
    return saved(photo().resize((width, 60)), "PNG", compress_level=1)


def noted(folder: Path) -> list[str]:
    """The files that the batch's journal has, in the order in which they were done."""
    lines = [line for path in (folder / "state").rglob("*.jsonl") for line in path.read_text().splitlines(True)]
    return [Path(json.loads(line)["path"]).name for line in lines if line.endswith("\n")]


def written(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_is_cut_off_goes_on_where_it_was(folder: Path, number: signal.Signals) -> None:
    # One file at a time, in order: the batch is cut off at 02, whose noise would keep it busy for many seconds.
    noise = np.random.default_rng(1).integers(0, 256, (3000, 4000, 3), np.uint8)
    (folder / "in" / "02.png").write_bytes(saved(Image.fromarray(noise), "PNG", compress_level=0))
    cut = start(folder, "--json", "-j", "1")
    while len(noted(folder)) < 2:
        assert cut.poll() is None
        time.sleep(0.02)
    cut.send_signal(number)
    _, said = cut.communicate()
    if number is signal.SIGINT:
        assert cut.returncode == 130 and "2 of 4 files are done; --resume" in said and "Traceback" not in said
    before = written(folder)
    assert noted(folder) == sorted(before) == ["00.png", "01.png"]

    for name, width in (("00.png", 50), ("02.png", 60)):  # 00 is another picture now, 02 was not done
        (folder / "in" / name).write_bytes(small(width))
    again = start(folder, "--json", "--resume")
    out, said = again.communicate()
    assert again.returncode == 0 and "Traceback" not in said
    assert sorted(Path(row["file"]).name for row in json.loads(out)["files"]) == [f"{n:02}.png" for n in range(4)]
    after = written(folder)
    assert after["01.png"] == before["01.png"], "what was noted is left alone"
    assert after["00.png"] != before["00.png"]
    for name in after:
        assert opened((folder / "out" / name).read_bytes()).size == opened((folder / "in" / name).read_bytes()).size
    assert len(after) == 4 and not list((folder / "out").glob(".*")), "no half of a file stays"
    assert not list((folder / "state").rglob("*.jsonl")), "a batch that is done leaves no journal"


def test_failures_are_told_and_tried_again(folder: Path) -> None:
    (folder / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    first = start(folder)
    out, _ = first.communicate()
    assert first.returncode == 1 and "1 failed" in out and "broken.jpg" in out
    (folder / "in" / "broken.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    again = start(folder, "--resume")
    out, said = again.communicate()
    assert again.returncode == 0 and "4 of 5 files are done already" in said and "broken.jpg" in out


def test_a_batch_whose_journal_can_not_be_kept_is_done_all_the_same(folder: Path) -> None:
    for path in sorted((folder / "in").iterdir())[3:]:
        path.unlink()
    (folder / "state").write_bytes(b"no folder")
    done = start(folder, "--json")
    out, said = done.communicate()
    assert done.returncode == 0 and len(json.loads(out)["files"]) == 3 and "Traceback" not in said

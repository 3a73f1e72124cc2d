"""Batches that are cut off, and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
    for number in range(40):
        image = photo().resize((500 + number, 400))
        (tmp_path / "in" / f"{number:02}.png").write_bytes(saved(image, "PNG", compress_level=1))
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_batch_that_is_cut_off_goes_on_where_it_was(folder: Path, number: signal.Signals) -> None:
    cut = start(folder, "--json", "-j", "1")
    while len(list((folder / "out").glob("*.png")) if (folder / "out").exists() else []) < 5:
        time.sleep(0.02)
    cut.send_signal(number)
    _, said = cut.communicate(timeout=30)
    if number is signal.SIGINT:
        assert cut.returncode == 130 and "--resume" in said and "Traceback" not in said
    done = {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.png")}
    assert 5 <= len(done) < 40
    changed = folder / "in" / min(done)
    changed.write_bytes(saved(photo().resize((300, 300)), "PNG", compress_level=1))
    again = start(folder, "--json", "--resume")
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0 and len(json.loads(out)["files"]) == 40
    for path in (folder / "out").glob("*.png"):
        assert opened(path.read_bytes()).size == opened((folder / "in" / path.name).read_bytes()).size
    # A file that was written when the end came may be written again; what was noted is left alone.
    kept = [name for name, at in done.items() if (folder / "out" / name).stat().st_mtime_ns == at]
    assert len(done) - 3 <= len(kept) < len(done) and changed.name not in kept
    assert not list((folder / "state").rglob("*.jsonl")), "a batch that is done leaves no journal"


def test_failures_are_told_and_tried_again(folder: Path) -> None:
    (folder / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    first = start(folder)
    out, _ = first.communicate(timeout=120)
    assert first.returncode == 1 and "1 failed" in out and "broken.jpg" in out
    (folder / "in" / "broken.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    again = start(folder, "--resume")
    out, said = again.communicate(timeout=120)
    assert again.returncode == 0 and "40 of 41 files are done already" in said and "broken.jpg" in out


def test_a_batch_whose_journal_can_not_be_kept_is_done_all_the_same(folder: Path) -> None:
    for path in sorted((folder / "in").iterdir())[3:]:
        path.unlink()
    (folder / "state").write_bytes(b"no folder")
    done = start(folder, "--json")
    out, said = done.communicate(timeout=120)
    assert done.returncode == 0 and len(json.loads(out)["files"]) == 3 and "Traceback" not in said

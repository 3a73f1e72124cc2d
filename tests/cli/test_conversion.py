"""``pixlean convert``, ``resize``, ``estimate``, ``score``, ``compare`` and the new words of ``optimize``."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from skimage import data as samples

from pictures import opened, photo, saved


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixlean.cli", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(saved(photo(), "PNG"))
    (tmp_path / "b.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    return tmp_path


def test_convert_takes_patterns_and_gives_the_extension_of_the_format(folder: Path) -> None:
    done = run("convert", "*.png", "b.jpg", "--to", "webp", "--out", "out", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (folder / "out").iterdir()} == {"a.webp", "b.webp"}
    assert opened((folder / "out" / "a.webp").read_bytes()).format == "WEBP"
    assert {row["error"] for row in json.loads(done.stdout)["files"]} == {None}
    assert run("convert", "a.png", "--to", "docx", folder=folder).returncode == 2
    auto = run("convert", "a.png", "--to", "auto", folder=folder)
    assert auto.returncode == 0 and list(folder.glob("a.min.*"))


def test_resize_and_target_size(folder: Path) -> None:
    assert run("resize", "a.png", "--width", "100", "--out", "out", folder=folder).returncode == 0
    assert opened((folder / "out" / "a.png").read_bytes()).size == (100, 75)
    assert run("resize", "a.png", folder=folder).returncode == 2
    assert run("optimize", "a.png", "--target-size", "8KB", "--out", "small", folder=folder).returncode == 0
    assert (folder / "small" / "a.png").stat().st_size <= 8192
    assert run("optimize", "a.png", "--target-size", "much", folder=folder).returncode == 2


def test_smart_scores_what_score_says(folder: Path) -> None:
    (folder / "a.png").write_bytes(saved(Image.fromarray(samples.camera()), "PNG"))
    done = run("optimize", "a.png", "--smart", "--format", "webp", "--out", "out", "--json", folder=folder)
    row = json.loads(done.stdout)["files"][0]
    said = run("score", "a.png", "out/a.webp", folder=folder)
    assert said.returncode == 0 and float(said.stdout) == pytest.approx(row["score"], abs=0.3)
    assert 79.5 <= row["score"] <= 84
    assert run("score", "a.png", "missing.png", folder=folder).returncode == 2


def test_estimate_says_what_optimize_does(folder: Path) -> None:
    rows = json.loads(run("estimate", "a.png", "b.jpg", "-q", "60", "--json", folder=folder).stdout)["files"]
    made = json.loads(run("optimize", "a.png", "b.jpg", "-q", "60", "--json", folder=folder).stdout)["files"]
    assert [row["estimated_bytes"] for row in rows] == [row["after_bytes"] for row in made]


def test_compare_writes_one_page_that_needs_no_network(folder: Path) -> None:
    assert run("compare", "a.png", folder=folder).returncode == 0
    page = (folder / "a.compare.html").read_text()
    assert all(f">{name}</button>" in page for name in ("jpeg", "webp", "avif", "jxl", "png"))
    assert "http" not in page.replace("http-equiv", "") and page.count("data:image/") >= 6


def test_watch_goes_on_with_new_files(folder: Path) -> None:
    words = [sys.executable, "-m", "pixlean.cli", "optimize", ".", "--out", "../seen", "--watch"]
    watching = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    seen = folder.parent / "seen"
    try:
        wait_for(seen / "b.jpg")
        (folder / "later.jpg").write_bytes(saved(photo(), "JPEG", quality=96))
        wait_for(seen / "later.jpg")
    finally:
        watching.terminate()
        watching.wait(10)


def wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.1)

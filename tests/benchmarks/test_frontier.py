"""Bytes at equal look are read off curves; nothing is claimed that was not measured."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.frontier.curves import at_equal_distance, at_equal_score, bytes_at, score_of
from benchmarks.frontier.drawn import Pair, ratio
from benchmarks.frontier.encoders import encoders
from benchmarks.frontier.page import losses, table
from benchmarks.frontier.plot import Line, draw
from benchmarks.frontier.points import Point
from tests.pictures import photo

POINT = Point(
    picture="a", kind="photo", megapixels=1.0, encoder="sharp default", format="jpeg", setting=1.0, size_bytes=1000,
    score=50.0, butteraugli=3.0, cpu_seconds=0.1,
)  # fmt: skip


def _curve(name: str, factor: float, picture: str = "a") -> list[Point]:
    """Sizes double with every ten points of score."""
    return [
        replace(
            POINT, encoder=name, picture=picture, setting=step, score=50.0 + 10 * step, butteraugli=3.0 - 0.5 * step,
            size_bytes=round(1000 * factor * 2**step),
        )
        for step in range(5)
    ]  # fmt: skip


def test_bytes_between_two_settings_are_read_off_the_line_through_them() -> None:
    assert bytes_at(_curve("x", 1.0), 65.0, score_of) == pytest.approx(1000 * 2**1.5)


def test_nothing_is_said_beyond_what_was_measured() -> None:
    assert bytes_at(_curve("x", 1.0), 95.0, score_of) is None
    assert bytes_at([], 75.0, score_of) is None


def test_ratios_are_geometric_means_over_the_pictures_that_both_reach() -> None:
    points = [*_curve("sharp default", 1.0), *_curve("pixlean max", 0.5)]
    points += [*_curve("sharp default", 1.0, "b"), *_curve("pixlean max", 2.0, "b")]
    points += _curve("sharp default", 1.0, "c")
    for found in (at_equal_score, at_equal_distance):
        made = found(points, "pixlean max", "sharp default", 75.0)
        assert made is not None
        assert (made.value, made.pictures) == (pytest.approx(1.0, abs=0.01), 2)


def test_the_page_names_every_place_where_others_are_smaller() -> None:
    points = [*_curve("sharp default", 1.0), *_curve("pixlean max", 1.1)]
    assert any("sharp default" in line for line in losses(points, encoders(), ("photo",)))
    better = [*_curve("sharp default", 1.0), *_curve("pixlean max", 0.9)]
    assert not list(losses(better, encoders(), ("photo",)))
    assert any("0.900 (1)" in line for line in table(better, encoders(), ("photo",)))


def test_plots_are_drawings_with_every_name_in_them() -> None:
    text = draw("a < b", "x", "y", [Line(name="one & two", points=[(1, 1), (2, 4)]), Line(name="dot", points=[(3, 3)])])
    words = "".join(ElementTree.fromstring(text).itertext())
    assert "one & two" in words and "dot" in words and "a < b" in words


def test_files_beside_a_tool_are_compared_by_geometric_mean() -> None:
    pairs = [Pair(picture="a", tool="t", ours_bytes=50, theirs_bytes=100)] * 2
    assert ratio(pairs) == pytest.approx(0.5)


def test_a_run_measures_real_encoders_and_keeps_its_points(tmp_path: Path) -> None:
    photo().save(tmp_path / "photo.png")
    words = [sys.executable, "-m", "benchmarks.frontier", "--photos", str(tmp_path / "photo.png"), "--format", "bmp"]
    done = subprocess.run([*words, "--json", str(tmp_path / "none.json")], capture_output=True, text=True, check=False)
    assert done.returncode, "a format that nobody writes was measured"
    words[-1] = "webp"
    done = subprocess.run([*words, "--json", str(tmp_path / "run.json")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    points = [Point(**each) for each in json.loads((tmp_path / "run.json").read_text())["points"]]
    ours = [point for point in points if point.encoder == "pixlean balanced"]
    sizes = [point.size_bytes for point in ours]
    assert len(ours) >= 5 and sizes == sorted(sizes) and ours[-1].score > ours[0].score + 15

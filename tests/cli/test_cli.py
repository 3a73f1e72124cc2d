"""The command line as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pictures import SVG, photo, saved


def pixlean(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixlean.cli", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "200", **environment},
    )  # fmt: skip


def test_optimize_writes_beside_and_reports(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    (tmp_path / "sub" / "b.svg").write_bytes(SVG)
    done = pixlean("optimize", str(tmp_path), "-q", "60", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["files"]
    assert {Path(row["written"]).name for row in rows} == {"a.min.jpg", "b.min.svg"}
    assert all(row["after_bytes"] < row["before_bytes"] for row in rows)
    assert (tmp_path / "a.min.jpg").stat().st_size == rows[0]["after_bytes"]


def test_optimize_in_place_and_to_a_folder(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(saved(photo(), "PNG", compress_level=1))
    before = picture.stat().st_size
    done = pixlean("optimize", str(picture), "--out", str(tmp_path / "out"))
    assert done.returncode == 0 and "a.png" in done.stdout and "%" in done.stdout
    assert picture.stat().st_size == before > (tmp_path / "out" / "a.png").stat().st_size
    assert pixlean("optimize", str(picture), "--in-place").returncode == 0
    assert picture.stat().st_size < before
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_optimize_exits_1_when_a_file_fails_and_leaves_it_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    done = pixlean("optimize", str(broken), str(tmp_path / "missing.png"), "--in-place", "--json")
    assert done.returncode == 1
    assert all(row["error"] for row in json.loads(done.stdout)["files"])
    assert broken.read_bytes() == b"\x89PNG\r\n\x1a\nnothing"


def test_doctor_config_and_version_answer() -> None:
    assert "oxipng" in pixlean("doctor").stdout
    shown = pixlean("config", API_KEY="top-secret", MAX_FILE_SIZE_MB="5")
    assert "MAX_FILE_SIZE_MB" in shown.stdout and "top-secret" not in shown.stdout
    assert pixlean("--version").stdout.strip()


def test_wrong_settings_stop_the_start_and_are_all_listed() -> None:
    done = pixlean("serve", PORT="abc", DEFAULT_QUALITY="500")
    assert done.returncode == 2
    assert "PORT" in done.stderr and "DEFAULT_QUALITY" in done.stderr and "'500'" in done.stderr

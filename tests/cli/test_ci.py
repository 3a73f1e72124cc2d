"""The commit hook and the GitHub action: what changed is optimised, what is done is never compressed again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pictures import photo, saved

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "pixlean"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pixlean.cli "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "old.jpg").write_bytes(saved(photo(), "JPEG", quality=96))
    commit(work)
    for number, quality in enumerate((95, 75)):
        (work / f"a {number}.jpg").write_bytes(saved(photo(), "JPEG", quality=quality))
    (work / "b.png").write_bytes(saved(photo(), "PNG", compress_level=1))
    (work / "text.txt").write_text("no picture")
    commit(work)
    return work


def git(work: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=work, check=True)


def commit(work: Path) -> None:
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", "pictures")


def state(work: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in work.iterdir() if path.is_file()}


def environment(work: Path, **more: str) -> dict[str, str]:
    python_path = os.pathsep.join(path for path in (str(ROOT / "src"), os.environ.get("PYTHONPATH", "")) if path)
    return {**os.environ, "PATH": f"{work.parent / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": python_path, **more}


def test_three_runs_of_the_action_change_bytes_once(repository: Path) -> None:
    before = state(repository)
    summary, output = repository.parent / "summary.md", repository.parent / "output"
    told = environment(
        repository, BASE="HEAD~1", QUALITY="60", GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(output)
    )
    states = []
    for _ in range(3):
        subprocess.run(["bash", str(ROOT / "scripts" / "optimise_changed.sh")], cwd=repository, env=told, check=True)
        states.append(state(repository))
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--allow-empty", "--amend", "-m", "pictures")
    assert states[0] == states[1] == states[2]
    assert states[0]["old.jpg"] == before["old.jpg"] and states[0]["text.txt"] == before["text.txt"]
    assert len(states[0]["a 0.jpg"]) < len(before["a 0.jpg"]) and len(states[0]["b.png"]) < len(before["b.png"])
    assert "| `a 0.jpg` |" in summary.read_text()
    assert output.read_text().count("changed=true") == 1 and output.read_text().count("changed=false") == 2


def test_three_runs_of_the_hook_change_bytes_once(repository: Path) -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    entry = re.search(r"entry: (.*)", hook)
    assert entry
    states = []
    for _ in range(3):
        words = [*shlex.split(entry[1]), "--quality", "60", "a 0.jpg", "a 1.jpg", "b.png"]
        subprocess.run(words, cwd=repository, env=environment(repository), check=True, capture_output=True)
        states.append(state(repository))
    assert states[0] == states[1] == states[2] and ".pixlean-done" in states[0]


def test_the_action_reads_inputs_by_environment_only() -> None:
    action = (ROOT / "action.yml").read_text()
    for script in re.findall(r"run: (\|\n(?: {8}.*\n)+|.*\n)", action):
        assert "${{" not in script

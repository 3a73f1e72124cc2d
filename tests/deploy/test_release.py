"""What a push to main releases, on repositories that are made here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "release.py"
IDENTITY = {
    name: value
    for who in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{who}_NAME", "a"), (f"GIT_{who}_EMAIL", "a@b"))
}


@pytest.fixture(scope="module")
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["release"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> None:
        environment = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", "-C", str(self.folder), *words], check=True, env=environment, capture_output=True)

    def commit(self, message: str, *paths: str) -> None:
        for path in paths:
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(file.read_text() + "x" if file.exists() else "x")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.commit("First", "src/a.py")
    return made


def planned(release: ModuleType, repository: Repository, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    notes = repository.folder.parent / f"{repository.folder.name}-notes.md"
    notes.unlink(missing_ok=True)
    assert release.main(["plan", "--repository", str(repository.folder), "--notes", str(notes)]) == 0
    return capsys.readouterr().out.strip(), notes.read_text() if notes.exists() else ""


def test_the_first_release_is_0_1_0(
    release: ModuleType, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    told, notes = planned(release, repository, capsys)
    assert told == "version=0.1.0" and "- First (" in notes


@pytest.mark.parametrize(
    ("message", "paths", "version"),
    [
        ("fix an edge case", ("src/a.py",), "0.1.4"),
        ("add a format [minor]", ("src/a.py",), "0.2.0"),
        ("rewrite the API [MAJOR]", ("src/a.py",), "1.0.0"),
        ("tidy\n\nwhy: see below [minor]", ("src/a.py",), "0.2.0"),
        ("tidy [skip ci]", ("src/a.py",), ""),
        ("tidy [skip release]", ("src/a.py",), ""),
        ("say more", ("README.md", "docs/a.txt", "docs/images/a.png"), ""),
        ("say more and do it", ("README.md", "src/a.py"), "0.1.4"),
    ],
)
def test_the_message_and_the_paths_decide(
    release: ModuleType, repository: Repository, capsys: pytest.CaptureFixture[str],
    message: str, paths: tuple[str, ...], version: str,
) -> None:  # fmt: skip
    repository.git("tag", "v0.1.3")
    repository.git("tag", "nightly")
    repository.commit(message, *paths)
    assert planned(release, repository, capsys)[0] == f"version={version}"


def test_several_commits_make_one_release_by_the_largest(
    release: ModuleType, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("tag", "v1.9.9")
    repository.commit("One [minor]", "src/a.py")
    repository.commit("Two", "src/b.py")
    repository.commit("Three [skip release] [major]", "src/b.py")
    told, notes = planned(release, repository, capsys)
    assert told == "version=1.10.0"
    assert notes.index("- One (") < notes.index("- Two (") and "Three" not in notes and "[minor]" not in notes


def test_nothing_new_is_no_release(
    release: ModuleType, repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("tag", "v0.1.0")
    assert planned(release, repository, capsys) == ("version=", "")


def test_the_version_is_written_where_the_build_reads_it(release: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / release.VERSION_FILE
    file.parent.mkdir(parents=True)
    file.write_text((SCRIPT.parents[1] / release.VERSION_FILE).read_text())
    assert release.main(["write", "--repository", str(tmp_path), "--version", "3.2.1"]) == 0
    assert 'VERSION = "3.2.1"\n' in file.read_text()
    with pytest.raises(SystemExit):
        release.main(["write", "--repository", str(tmp_path), "--version", "latest"])

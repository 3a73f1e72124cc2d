"""The built page that is committed is what its source makes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import pixlean.web
from node import page_packages

ROOT = Path(__file__).parents[2]
BUILT = Path(pixlean.web.__file__).parent / "ui"


@pytest.fixture(scope="module")
def workshop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's source beside its installed packages, where a build touches nothing of ours."""
    assert request.config.cache is not None
    packages = page_packages(request.config.cache)
    folder = tmp_path_factory.mktemp("page") / "ui"
    shutil.copytree(ROOT / "ui", folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(packages)
    return folder


def npx(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["npx", "--no-install", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_page_is_built_from_its_source(workshop: Path) -> None:
    made = npx(workshop, "vite", "build")
    assert made.returncode == 0, made.stdout + made.stderr
    fresh = workshop.parent / "src" / "pixlean" / "web" / "ui"
    assert files_of(fresh) == files_of(BUILT), "run make ui and commit what it made"


@pytest.mark.slow
def test_the_page_has_no_wrong_type_and_no_warning(workshop: Path) -> None:
    said = npx(workshop, "svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings")
    assert said.returncode == 0, said.stdout + said.stderr


def test_components_are_short_and_ask_nobody_else() -> None:
    found = []
    for path in (ROOT / "ui" / "src").rglob("*"):
        if path.suffix not in (".svelte", ".ts", ".css"):
            continue
        text = path.read_text()
        if path.suffix == ".svelte" and len(text.splitlines()) > 200:
            found.append(f"{path.name} has {len(text.splitlines())} lines")
        if "http://" in text.replace("http://www.w3.org", "") or "https://" in text.replace("https://example.com", ""):
            found.append(f"{path.name} names another origin")
        if "style=" in text or "{@html" in text:
            found.append(f"{path.name} writes styles or HTML that the policy forbids")
    assert not found


def files_of(folder: Path) -> dict[str, bytes]:
    """All but the WebAssembly, which is not committed: its name, digest included, stands in what is."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".wasm"
    }

"""Node and packages from npm for the tests; skipped, and said, where they can't be had."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

# The versions that the tests were written against.
PACKAGES = ("tinify@1.8.3", "node-fetch@3.3.2", "form-data@4.0.5")


def node_folder(cache: pytest.Cache) -> Path:
    """A folder with the packages installed, kept between runs."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = Path(cache.mkdir("node"))
    done = folder / "installed"
    if not done.exists() or done.read_text() != " ".join(PACKAGES):
        (folder / "package.json").write_text('{"private": true, "type": "commonjs"}')
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
        try:
            made = subprocess.run(words, cwd=folder, capture_output=True, check=False, text=True, timeout=170)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not answer")
        if made.returncode:
            pytest.skip(f"npm could not install {PACKAGES}: {made.stderr[-200:]}")
        done.write_text(" ".join(PACKAGES))
    return folder


def page_packages(cache: pytest.Cache) -> Path:
    """``node_modules`` of the page, as its lock file says, kept between runs."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    source, folder = Path(__file__).parents[1] / "ui", Path(cache.mkdir("ui"))
    with (folder / "lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # several processes run tests, one of them installs
        return _installed(source, folder)


def _installed(source: Path, folder: Path) -> Path:
    lock, done = (source / "package-lock.json").read_text(), folder / "installed"
    if not done.exists() or done.read_text() != lock:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(source / name, folder)
        words = ["npm", "ci", "--ignore-scripts"]
        try:
            made = subprocess.run(words, cwd=folder, capture_output=True, check=False, text=True, timeout=170)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not answer")
        if made.returncode:
            pytest.skip(f"npm could not install the page's packages: {made.stderr[-200:]}")
        done.write_text(lock)
    return folder / "node_modules"


def run_node(folder: Path, code: str, *, module: bool = False, **environment: str) -> str:
    """What a script prints that runs beside the installed packages."""
    import os

    script = folder / ("script.mjs" if module else "script.cjs")
    script.write_text(code)
    done = subprocess.run(
        ["node", str(script)],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

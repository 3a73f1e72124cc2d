"""The documentation as a site: every page in its place, every link leading somewhere, nothing asked of others."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pictures import photo, saved
from serving import Server

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_contents_and_every_page_that_is_named_is_there() -> None:
    assert script("build_site").check() == []


def test_the_site_is_built_and_asks_nobody_and_leads_nowhere_wrong(tmp_path: Path) -> None:
    assert script("build_site").build(tmp_path / "work") == []
    made = tmp_path / "work" / "site"
    home = (made / "index.html").read_text()
    assert 'href="promises/"' in home and (made / "search.json").stat().st_size > 100_000
    assert (made / "adr").is_dir() and "0016" in (made / "decisions" / "index.html").read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("See `docs/nowhere.md`.", "there is no docs/nowhere.md"),
        ("See `docs/adr/9999`.", "there is no docs/adr/9999"),
        ("See [this](nowhere.png).", "nowhere.png leads nowhere"),
    ],
)
def test_a_name_that_leads_nowhere_is_found(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("build_site")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with (tmp_path / "docs" / "start.md").open("a") as page:
        page.write(f"\n{line}\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "DOCS", tmp_path / "docs")
    assert module.check() == [f"docs/start.md: {said}"]


def test_a_page_outside_the_contents_and_a_place_that_is_not_there_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("build_site")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "lonely.md").write_text("# Lonely\n")
    (tmp_path / "docs" / "start.md").write_text(
        "# Start\n\n[there](page.md#no-such-place) ![x](http://example.com/x.png)\n"
    )
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "DOCS", tmp_path / "docs")
    assert module.check() == ["docs/lonely.md is not in the site's contents (zensical.toml)"]
    found = module.build(tmp_path / "work")
    assert any("no-such-place names no place there" in line for line in found)
    assert any(line.endswith("loads http://example.com/x.png") for line in found)


def test_the_pages_of_endpoints_and_errors_are_those_of_the_dialects() -> None:
    for path, text in script("document_http").pages().items():
        assert path.read_text("utf-8") == text, "run: .venv/bin/python scripts/document_http.py"


def test_the_five_minutes_work(tmp_path: Path) -> None:
    """All blocks of the page but the one that starts the server."""
    server = Server()
    (tmp_path / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    page = (ROOT / "docs" / "start.md").read_text()
    try:
        for kind, code in re.findall(r"```(\w*)\n(.*?)```", page, re.DOTALL):
            if code.strip() == "make run":
                continue
            here = code.replace("localhost:8080", server.url.removeprefix("http://"))
            here = here.replace(".venv/bin/pixlean", f"{sys.executable} -m pixlean.cli")
            words = [sys.executable, "-c", here] if kind == "python" else ["bash", "-ec", here]
            done = subprocess.run(
                words, cwd=tmp_path, capture_output=True, check=False, text=True, timeout=60, env=os.environ
            )
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.stop()
    source = (tmp_path / "photo.jpg").stat().st_size
    assert 0 < (tmp_path / "smaller.jpg").stat().st_size < source
    assert (tmp_path / "smaller.avif").read_bytes()[4:12] == b"ftypavif"
    assert 0 < (tmp_path / "smaller" / "photo.jpg").stat().st_size < source

"""The scripts that bring a corpus: from a folder, from an origin that breaks off, and its other formats."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pixlean
from origins import Origin
from pictures import SVG, opened, photo, saved

SCRIPTS = Path(__file__).parents[2] / "scripts"
FILES = {"a.jpg": saved(photo(), "JPEG", quality=90), "b.png": saved(photo().resize((100, 80)), "PNG")}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Origin]:
    origin = Origin({f"/{name}": data for name, data in FILES.items()})
    entries = [
        {"group": "compact", "file": name, "url": f"{origin.url}/{name}", "bytes": len(data), "licence": "CC0-1.0",
         "attribution": "nobody", "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in FILES.items()
    ]  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    module = script("download_corpus")
    monkeypatch.setattr(module, "MANIFEST", tmp_path / "manifest.json")
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    return module, origin


def run(module: ModuleType, *words: str) -> int:
    before, sys.argv = sys.argv, [module.__name__, *words]
    try:
        return int(module.main())
    finally:
        sys.argv = before


def test_files_are_fetched_checked_and_not_fetched_again(download: tuple[ModuleType, Origin], tmp_path: Path) -> None:
    module, origin = download
    assert run(module, "--out", "corpus") == 0
    for name, data in FILES.items():
        assert (tmp_path / "corpus" / "compact" / name).read_bytes() == data
    sent = dict(origin.sent)
    assert run(module, "--out", "corpus") == 0 and origin.sent == sent
    assert "CC0-1.0" in (tmp_path / "corpus" / "CREDITS.txt").read_text()


def test_a_file_that_has_changed_at_its_origin_is_refused(download: tuple[ModuleType, Origin], tmp_path: Path) -> None:
    module, _ = download
    entries = json.loads((tmp_path / "manifest.json").read_text())
    entries[0]["sha256"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    assert run(module, "--out", "corpus") == 1
    assert [path.name for path in (tmp_path / "corpus" / "compact").iterdir()] == ["b.png"]


def test_a_folder_may_be_the_source_and_an_unknown_group_is_said(
    download: tuple[ModuleType, Origin], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, origin = download
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "under another name").write_bytes(FILES["a.jpg"])
    assert run(module, "--out", "corpus", "--source", "mine") == 1 and not origin.sent
    assert (tmp_path / "corpus" / "compact" / "a.jpg").read_bytes() == FILES["a.jpg"]
    assert "b.png: not in the source folder" in capsys.readouterr().err
    assert run(module, "--group", "nothing") == 2


def test_originals_become_all_formats_once(tmp_path: Path) -> None:
    module = script("convert_corpus_formats")
    for group, name, data in (("compact", "a.jpg", FILES["a.jpg"]), ("vector", "d.svg", SVG)):
        (tmp_path / group).mkdir()
        (tmp_path / group / name).write_bytes(data)
    assert run(module, "--corpus", str(tmp_path)) == 0
    made = {path.suffix: path for path in (tmp_path / "compact").iterdir()}
    assert set(made) == {".jpg", ".png", ".webp", ".avif", ".heic", ".jxl", ".gif", ".tiff", ".bmp"}
    for path in made.values():
        assert pixlean.probe(path.read_bytes()).displayed_px == (256, 192)
    assert opened(made[".png"].read_bytes()).mode == "RGB" and (tmp_path / "vector" / "d.converted.svgz").exists()
    times = {path: path.stat().st_mtime_ns for path in made.values()}
    assert run(module, "--corpus", str(tmp_path)) == 0
    assert times == {path: path.stat().st_mtime_ns for path in made.values()}


def test_the_manifest_names_a_licence_and_a_digest_for_every_file() -> None:
    entries = json.loads((SCRIPTS / "corpus_manifest.json").read_text())
    assert {entry["group"] for entry in entries} >= {"high_res", "standard", "compact", "deep_color"}
    for entry in entries:
        assert entry["licence"] and entry["attribution"] and len(entry["sha256"]) == 64
        assert entry["url"].startswith("https://")

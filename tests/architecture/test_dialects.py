"""A dialect is one package: without it, and without its lines in the list, the server runs and nothing tells of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import pixlean
from pictures import photo, saved
from pixlean.wiring.dialects import dialects
from pixlean.wiring.environment import load
from serving import Server

SOURCE = Path(pixlean.__file__).parent
NAMES = sorted(dialect.name for dialect in dialects(load({}).environment))
# An endpoint of each that does work, and the field that takes the file.
WORKS = {
    "compressorize": ("/api/v1/compress", "file"),
    "feather": ("/api/compress", "file"),
    "native": ("/optimize", "file"),
    "optipic": ("/v1/compress", "file"),
    "picwish": ("/api/tasks/visual/imgcompress", "image_file"),
    "tinify": ("/shrink", None),
}
# Those that show pictures of the operator's instead of taking them.
SHOWS = {
    "img": "/img/unsigned/w=10/disk/a.jpg",
    "imgproxy": "/insecure/w:10/plain/local:///a.jpg",
}


def without(name: str, folder: Path) -> Path:
    """A copy of the package without one dialect; the folder to import it from."""
    copy = folder / "pixlean"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(copy / "web" / "dialects" / name)
    listing = copy / "wiring" / "dialects.py"
    lines = listing.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not re.search(rf"\b{name}\b", line.lower())]
    assert len(lines) - len(kept) == 2  # its import and its place in the list
    listing.write_text("".join(kept), "utf-8")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_dialect_can_be_deleted_without_a_trace(name: str, tmp_path: Path) -> None:
    folder = without(name, tmp_path)
    # Some names are words of their own: what would be left of the dialect is its module and its name.
    left = rf"dialects\.{name}\b|NAME = \"{name}\""
    word = re.compile(left if name in ("native", "img") else name, re.IGNORECASE)
    traces = {
        str(path.relative_to(folder))
        for path in (folder / "pixlean").rglob("*.py")
        if word.search(path.read_text("utf-8"))
    }
    assert not traces
    picture = saved(photo(), "JPEG", quality=95)
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "a.jpg").write_bytes(picture)
    server = Server(
        PYTHONPATH=str(folder), IMG_UNSIGNED="true", IMG_SOURCES=f"disk=file:{tmp_path}/shown",
        IMGPROXY_LOCAL_FILESYSTEM_ROOT=f"{tmp_path}/shown",
    )  # fmt: skip
    try:
        statuses = {each: server.client.get(path).status_code for each, path in SHOWS.items()}
        for each, (path, field) in WORKS.items():
            sent = {"content": picture} if field is None else {"files": {field: ("x.jpg", picture, "image/jpeg")}}
            statuses[each] = server.client.post(path, **sent).status_code
        assert statuses.pop(name) in (404, 405)
        assert set(statuses.values()) <= {200, 201}, statuses
        described = server.client.get("/openapi.json").json()["paths"]
        assert not any(name in operation["tags"] for verbs in described.values() for operation in verbs.values())
    finally:
        server.stop()

"""How the page is served: to browsers only, never stale, and with a policy that lets nobody else's script in."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import pixlean.web
from pixlean.web import page
from pixlean.web.page import wants_page
from serving import Server

BUILT = Path(pixlean.web.__file__).parent / "ui"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
FIRST_LOAD_BYTES = 100_000


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER["Accept"], True),
        ("text/html", True),
        ("text/html;q=0.5, application/json;q=0.4", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("application/json, text/html", False),
        ("text/html;q=0", False),
        ("text/html;q=much", False),
    ],
)
def test_who_names_html_gets_the_page_and_all_others_json(server: Server, accept: str, is_page: bool) -> None:
    answer = server.client.get("/", headers={"Accept": accept})
    assert answer.status_code == 200 and "Accept" in answer.headers["vary"]
    assert answer.headers["content-type"].startswith("text/html" if is_page else "application/json")
    assert wants_page(accept) is is_page
    if not is_page:
        assert answer.json()["name"] == "pixlean"


def test_the_page_is_asked_for_anew_and_its_files_never_again(server: Server) -> None:
    shown = server.client.get("/", headers=BROWSER)
    assert shown.headers["cache-control"] == "no-cache"
    known = {**BROWSER, "If-None-Match": shown.headers["etag"]}
    assert server.client.get("/", headers=known).status_code == 304
    named = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', shown.text)
    assert {name.rpartition(".")[2] for name in named} == {"js", "css", "svg"}
    types = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    for name in named:
        file = server.client.get(f"/{name}")
        assert file.headers["content-type"] == types[name.rpartition(".")[2]]
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.content == (BUILT / name).read_bytes()
        plain = server.client.get(f"/{name}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.content == file.content


def test_the_policy_lets_in_no_script_but_the_page_s_own(server: Server) -> None:
    shown = server.client.get("/", headers=BROWSER)
    policy = shown.headers["content-security-policy"]
    assert (
        "script-src 'self' 'wasm-unsafe-eval';" in policy
        and "unsafe-inline" not in policy
        and "default-src 'none'" in policy
    )
    assert "<script>" not in shown.text and "<style" not in shown.text and "style=" not in shown.text
    assert shown.headers["x-content-type-options"] == "nosniff" and shown.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", ["none.js", "..%2findex.html", "%2e%2e%2f%2e%2e%2fpage.py", "index.html"])
def test_nothing_else_of_the_disk_is_served(server: Server, name: str) -> None:
    answer = server.client.get(f"/assets/{name}")
    assert answer.status_code == 404 and answer.json()["error"] == "not_found"


def test_webassembly_is_served_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "program-1.wasm").write_bytes(b"\0asm")
    (tmp_path / "assets" / "notes.txt").write_text("no part of the page")
    monkeypatch.setattr(page, "_FOLDER", tmp_path)
    try:
        for known in (page.programs, page.built_files):
            known.cache_clear()
        client = TestClient(Starlette(routes=page.ROUTES))
        answer = client.get("/assets/program-1.wasm")
        assert answer.content == b"\0asm" and answer.headers["content-type"] == "application/wasm"
        assert "immutable" in answer.headers["cache-control"]
        assert client.get("/assets/program-2.wasm").status_code == 404
        assert client.get("/assets/notes.txt").status_code == 404
        # A checkout whose page was never built has no page, and everything else works.
        assert client.get("/", headers=BROWSER).status_code == 404
    finally:
        for known in (page.programs, page.built_files):
            known.cache_clear()


def test_the_first_load_is_small() -> None:
    """All that is fetched before the first picture can be dropped, packed as it travels."""
    html = (BUILT / "index.html").read_text()
    named = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', html)
    sizes = {name: len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in named}
    assert sum(sizes.values()) < FIRST_LOAD_BYTES, sizes

"""A browser as the judge: of hundreds of hostile drawings none runs a script or fetches anything once it came back."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import pixlean
from pixlean.domain.errors import PixleanError
from pixlean.domain.limits import Limits
from pixlean.imaging.svg.sanitise import sanitise
from svgvectors import vectors

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")
A_PAGE = 150

Vector = tuple[str, bytes]


class Canary(http.server.ThreadingHTTPServer):
    """Serves drawings and pages of frames of them; what asks for ``/canary/`` was made to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, bytes]] = {}
        self.hits: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Canary

    def do_GET(self) -> None:
        if "/canary/" in self.path:
            self.server.hits.append(self.path)
        kind, body = self.server.files.get(self.path, ("image/svg+xml", b""))
        self.send_response(200 if self.path in self.server.files else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    server = Canary()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        yield page
        browser.close()


def seen(page: Any, canary: Canary, drawings: list[Vector]) -> list[str]:
    """The names of the drawings that ran something, and what was fetched: each stands in a frame, its links clicked."""
    ran: list[str] = []
    # What the page before asked for may still be on its way.
    page.goto("about:blank")
    page.wait_for_timeout(500)
    canary.hits.clear()
    for first in range(0, len(drawings), A_PAGE):
        batch = drawings[first : first + A_PAGE]
        canary.files = {f"/v/{number}.svg": ("image/svg+xml", text) for number, (_, text) in enumerate(batch)}
        frames = "".join(
            f'<iframe src="/v/{number}.svg" width="60" height="60"></iframe>' for number in range(len(batch))
        )
        canary.files["/page"] = ("text/html", b"<!doctype html>" + frames.encode())
        page.goto(canary.url + "/page", wait_until="load", timeout=60_000)
        marked = page.evaluate(
            """() => new Promise(done => {
                for (const frame of document.querySelectorAll('iframe')) try {
                    for (const link of frame.contentDocument.querySelectorAll('a'))
                        link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
                } catch (error) {}
                setTimeout(() => done([...document.querySelectorAll('iframe')].map(frame => {
                    try { return frame.contentDocument.documentElement.hasAttribute('pwned') } catch (error) { return false }
                }).concat([!!window.__ran])), 400);
            })"""
        )
        ran += [batch[number][0] for number, told in enumerate(marked[:-1]) if told]
        ran += ["something"] if marked[-1] else []
    return ran + canary.hits


def kept(drawings: list[Vector], clean: Callable[[bytes], bytes]) -> list[Vector]:
    """What comes back of drawings that are not refused; made in another thread, for playwright's has a running loop."""

    def one(text: bytes) -> bytes | None:
        try:
            return clean(text)
        except PixleanError:
            return None

    with ThreadPoolExecutor(1) as thread:
        made = thread.map(one, [text for _, text in drawings])
        return [(name, text) for (name, _), text in zip(drawings, made, strict=True) if text is not None]


@pytest.fixture(scope="module")
def hostile(canary: Canary) -> list[Vector]:
    return list(vectors(canary.url + "/canary/"))


def test_the_browser_would_be_caught(page: Any, canary: Canary, hostile: list[Vector]) -> None:
    told = seen(page, canary, [each for each in hostile if " in " not in each[0]])
    assert len(told) > 60, told
    assert any("script" in each for each in told) and any(".css" in each for each in told)


@pytest.mark.slow
@pytest.mark.parametrize("strip", [True, False])
def test_nothing_sanitised_runs_or_loads(page: Any, canary: Canary, hostile: list[Vector], strip: bool) -> None:
    clean = kept(hostile[::8], lambda text: sanitise(text, Limits(), strip_metadata=strip).text)
    assert len(clean) > 300 and seen(page, canary, clean) == []


@pytest.mark.parametrize("strip", [True, False])
def test_nothing_compressed_runs_or_loads(page: Any, canary: Canary, hostile: list[Vector], strip: bool) -> None:
    back = kept(hostile[:: 83 if strip else 101], lambda text: pixlean.compress(text, strip_metadata=strip).data)
    assert len(back) > 20 and seen(page, canary, back) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strip", [True, False])
def test_nothing_of_all_sanitised_runs_or_loads(page: Any, canary: Canary, hostile: list[Vector], strip: bool) -> None:
    clean = kept(hostile, lambda text: sanitise(text, Limits(), strip_metadata=strip).text)
    assert len(clean) > 2500 and seen(page, canary, clean) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strip", [True, False])
def test_nothing_of_many_compressed_runs_or_loads(
    page: Any, canary: Canary, hostile: list[Vector], strip: bool
) -> None:
    back = kept(hostile[::7], lambda text: pixlean.compress(text, strip_metadata=strip).data)
    assert len(back) > 300 and seen(page, canary, back) == []

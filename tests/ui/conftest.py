"""A real server, a real Chromium, and what each test asks of every page: no fault, and nobody else is asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pictures
from pixlean.domain.formats import FORMATS, Format
from serving import Server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server(RATE_LIMIT_PER_MINUTE="0")
    yield running
    running.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(**environment: str) -> Server:
        running.append(Server(**environment))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    # Not for the whole session: its event loop would be in the way of other tests.
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open the page of a server; at the end it must have had no fault and asked nobody else."""
    faults: list[str] = []
    opened: list[Any] = []

    def open_page(url: str, **context: Any) -> Any:
        page = browser.new_context(**context).new_page()
        opened.append(page)
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda told: faults.append(told.text) if _is_fault(told) else None)
        page.on("request", lambda asked: faults.append(asked.url) if not _is_ours(asked.url, url) else None)
        page.goto(url)
        return page

    yield open_page
    for page in opened:
        page.context.close()
    assert not faults


def _is_fault(told: Any) -> bool:
    # The browser itself tells of each answer that is an error; what the page makes of it is what tests look at.
    return told.type in ("error", "warning") and not told.text.startswith("Failed to load resource")


def _is_ours(asked: str, url: str) -> bool:
    scheme, _, host = url.split("/")[:3]
    return asked.startswith((f"{scheme}//{host}/", "data:", "blob:"))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One small picture of each format, as files."""
    folder = tmp_path_factory.mktemp("photos")
    found = []
    for name, data in pictures.every_format().items():
        path = folder / f"a {name}{FORMATS[Format(name)].extensions[0]}"
        path.write_bytes(data)
        found.append(path)
    return found

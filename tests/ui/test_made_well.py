"""For everybody: by keyboard and screen reader, on a phone, in the dark, with a huge photo, and at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pictures
from acting import add, item, settled
from node import page_packages
from serving import Server

Visit = Callable[..., Any]
WIDTHS = (390, 820, 1440)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(pictures.saved(pictures.photo(), "PNG"))
    return path


@pytest.fixture
def violations(request: pytest.FixtureRequest) -> Callable[[Any], list[str]]:
    """What axe finds wrong in a page as it is now."""
    assert request.config.cache is not None
    source = (page_packages(request.config.cache) / "axe-core" / "axe.min.js").read_text("utf-8")

    def look(page: Any) -> list[str]:
        page.evaluate(source)
        found = page.evaluate("axe.run(document).then(told => told.violations)")
        return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in found]

    return look


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_in_any_state(
    visit: Visit, server: Server, photo: Path, violations: Callable[[Any], list[str]], scheme: str, tmp_path: Path
) -> None:
    page = visit(server.url, color_scheme=scheme, viewport={"width": 1280, "height": 900})
    assert violations(page) == []
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo.read_bytes()[:400])
    add(page, [photo, broken])
    settled(page, 2)
    page.get_by_role("slider", name="Compare").wait_for()
    page.get_by_text("What was tried").click()
    page.get_by_text("More", exact=True).click()
    page.get_by_role("button", name="Key and usage").click()
    page.get_by_role("button", name="Use this key").click()
    page.get_by_text("Usage of dev").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("combobox", name="Crop").select_option("1:1")
    page.get_by_alt_text("Preview").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_never_wider_than_the_screen(visit: Visit, server: Server, photo: Path, width: int) -> None:
    page = visit(server.url, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    add(page, [photo])
    settled(page, 1)
    page.get_by_role("slider", name="Compare").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("combobox", name="Crop").select_option("1:1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_all_can_be_done_by_keyboard(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    # Keys go to the page that is in front, and what it fetches at the start may still move the focus.
    page.bring_to_front()
    page.wait_for_load_state("networkidle")

    def to(name: str) -> None:
        held = (
            "() => { const at = document.activeElement; return (at.labels?.[0] ?? at).innerText || at.ariaLabel || '' }"
        )
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(held).strip().startswith(name):
                return
        raise AssertionError(f"the Tab key never comes to {name}")

    to("Choose pictures")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(photo)
    settled(page, 1)
    page.get_by_role("slider", name="Compare").wait_for()
    with page.expect_download() as taken:
        to("Download all")
        page.keyboard.press("Enter")
    assert taken.value.suggested_filename == "pixlean.zip"
    to("Download")
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    assert taken.value.suggested_filename == "photo.png"


def test_colours_follow_the_system(visit: Visit, server: Server) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page = visit(server.url, color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        brightness[scheme] = sum(int(part) for part in colour.strip("rgb()").split(","))
    assert brightness["dark"] < 150 < 600 < brightness["light"]


def test_the_first_picture_can_be_dropped_within_a_second(visit: Visit, server: Server) -> None:
    page = visit(server.url)
    ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert ready < 3000, "alone on two cores it takes a tenth of a second"


def test_an_svg_is_never_part_of_the_document(visit: Visit, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "evil.svg"
    path.write_bytes(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="document.title=1">'
        b'<script>document.title = "taken"; fetch("https://example.com/")</script><rect width="9" height="9"/></svg>'
    )
    page = visit(server.url)
    add(page, [path])
    settled(page, 1)
    page.get_by_role("slider", name="Compare").wait_for()
    assert page.title() == "pixlean" and page.locator("svg script").count() == 0


@pytest.mark.slow
def test_a_photo_of_forty_megapixels(visit: Visit, server: Server, tmp_path: Path) -> None:
    small = np.asarray(pictures.photo().resize((1024, 640)))
    path = tmp_path / "huge.jpg"
    Image.fromarray(np.tile(small, (8, 8, 1))).save(path, "JPEG", quality=85)
    page = visit(server.url)
    page.evaluate("""() => {
        window.long = []
        new PerformanceObserver(list => long.push(...list.getEntries().map(each => each.duration)))
            .observe({ type: "longtask" })
    }""")
    add(page, [path])
    settled(page, 1, 120)
    item(page, "huge.jpg").locator("img").wait_for()
    page.get_by_role("slider", name="Compare").wait_for(timeout=60_000)
    assert page.get_by_alt_text("Result").evaluate("each => each.naturalWidth * each.naturalHeight") == 8192 * 5120
    assert max(page.evaluate("long"), default=0) < 1500

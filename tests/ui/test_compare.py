"""Before and after, to the pixel: by mouse, touch and keyboard; what changed and why; the settings as commands."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pictures
from acting import add, item, settled
from serving import Server

Visit = Callable[..., Any]


@pytest.fixture
def compared(visit: Visit, server: Server, tmp_path: Path) -> Any:
    path = tmp_path / "it's a photo.png"
    path.write_bytes(pictures.saved(pictures.photo().resize((1024, 768)), "PNG", compress_level=1))
    page = visit(server.url)
    add(page, [path])
    settled(page, 1)
    page.get_by_role("slider", name="Compare").wait_for()
    return page


def placed(page: Any) -> tuple[float, float, float]:
    """Where the picture is and how large it is shown: left, top, scale."""
    style = page.get_by_alt_text("Original").evaluate("each => each.style.transform")
    left, top, scale = re.fullmatch(r"translate\((.+)px, (.+)px\) scale\((.+)\)", style).groups()
    return float(left), float(top), float(scale)


def test_the_slider_moves_by_keys_and_by_hand(compared: Any) -> None:
    slider = compared.get_by_role("slider", name="Compare")
    slider.focus()
    compared.keyboard.press("Home")
    after = compared.get_by_alt_text("Result").locator("..")
    assert after.evaluate("each => each.style.clipPath") in ("inset(0px 0px 0px 0%)", "inset(0 0 0 0%)")
    compared.keyboard.press("End")
    assert slider.input_value() == "100"
    line = compared.locator(".line").bounding_box()
    compared.mouse.move(line["x"] + 8, line["y"] + 40)
    compared.mouse.down()
    compared.mouse.move(line["x"] - 200, line["y"] + 40)
    compared.mouse.up()
    assert 20 < float(slider.input_value()) < 100


def test_zoom_to_pixels_and_pan(compared: Any) -> None:
    stage = compared.get_by_role("application")
    stage.focus()
    compared.keyboard.press("1")
    assert placed(compared)[2] == 1
    for _ in range(6):
        compared.keyboard.press("+")
    left, top, scale = placed(compared)
    assert scale == pytest.approx(1.25**6, rel=0.01)
    assert compared.get_by_alt_text("Result").evaluate("each => getComputedStyle(each).imageRendering") == "pixelated"
    compared.keyboard.press("ArrowRight")
    compared.keyboard.press("ArrowDown")
    assert placed(compared) == (pytest.approx(left - 48), pytest.approx(top - 48), scale)
    box = stage.bounding_box()
    compared.mouse.move(box["x"] + 60, box["y"] + 60)
    compared.mouse.down()
    compared.mouse.move(box["x"] + 90, box["y"] + 80)
    compared.mouse.up()
    assert placed(compared)[:2] == (pytest.approx(left - 18), pytest.approx(top - 28))
    compared.mouse.wheel(0, -200)
    compared.wait_for_timeout(50)
    assert placed(compared)[2] > scale
    both = [compared.get_by_alt_text(name).evaluate("each => each.style.transform") for name in ("Original", "Result")]
    assert both[0] == both[1]
    compared.keyboard.press("0")
    assert placed(compared)[2] <= 1


def test_side_by_side_and_flicker(compared: Any) -> None:
    compared.get_by_role("button", name="Side by side").click()
    left = compared.get_by_alt_text("Original").bounding_box()
    right = compared.locator(".second img").bounding_box()
    assert left["x"] + left["width"] <= right["x"] + 1 and left["width"] == right["width"]
    compared.get_by_role("button", name="Flicker").click()
    seen = set()
    for _ in range(20):
        seen.add(compared.get_by_alt_text("Original").is_visible())
        compared.wait_for_timeout(120)
    assert seen == {True, False}


def test_what_changed_is_told_with_what_was_tried(compared: Any) -> None:
    table = compared.get_by_role("table").first
    assert "1024 × 768" in table.inner_text() and "PNG" in table.inner_text()
    compared.get_by_text("What was tried").click()
    tried = compared.get_by_role("table").nth(1).inner_text()
    assert "taken" in tried


def test_the_settings_as_commands_do_what_the_page_did(compared: Any, server: Server, tmp_path: Path) -> None:
    compared.get_by_label("Format").select_option("webp")
    item(compared, "it's a photo.png").get_by_text("WEBP").wait_for()
    told = {
        name: compared.get_by_role("region", name=name, exact=True).inner_text() for name in ("curl", "Command line")
    }
    with compared.expect_download() as taken:
        compared.get_by_role("link", name="Download").click()
    made = taken.value.path().read_bytes()
    ran = subprocess.run(["sh", "-c", told["curl"]], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "small-it's a photo.webp").read_bytes() == made
    words = shlex.split(told["Command line"])
    server.pixlean(words[1], str(tmp_path / words[2]), *words[3:])
    assert (tmp_path / "it's a photo.min.webp").read_bytes() == made
    assert words[:3] == ["pixlean", "optimize", "./it's a photo.png"] and words[3:] == [
        "--quality",
        "80",
        "--format",
        "webp",
    ]
    assert compared.get_by_role("region", name="srcset").inner_text().startswith("pixlean srcset ")


_SLOW_TO_READ = """() => {
  const read = window.createImageBitmap
  window.createImageBitmap = async (...of) => { await new Promise(go => setTimeout(go, 1500)); return read(...of) }
}"""


@pytest.mark.parametrize("slow", [False, True])
def test_a_picture_that_no_browser_shows_is_shown_all_the_same(
    visit: Visit, server: Server, tmp_path: Path, *, slow: bool
) -> None:
    path = tmp_path / "scan.tiff"
    path.write_bytes(pictures.saved(pictures.photo(), "TIFF"))
    page = visit(server.url)
    if slow:  # the answer is there before the browser has found out that it can't read the file
        page.evaluate(_SLOW_TO_READ)
    add(page, [path])
    settled(page, 1)
    page.get_by_alt_text("Original").wait_for()
    assert page.get_by_alt_text("Original").evaluate("each => each.naturalWidth") == 256
    item(page, "scan.tiff").locator("img").wait_for()


def test_other_formats_are_estimated_on_request(visit: Visit, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(pictures.saved(pictures.photo(), "JPEG", quality=97))
    page = visit(server.url)

    # What the page makes of the field; Chromium's bodies with files can't be passed on by a test.
    told = [
        {"format": "webp", "estimated_optimized_size": 7000},
        {"format": "avif", "estimated_optimized_size": 5000},
    ]
    page.route("**/estimate", lambda route: route.fulfill(json={"original_size": 9000, "alternatives": told}))
    add(page, [path])
    settled(page, 1)
    page.get_by_text("Other formats at the same look").click()
    page.get_by_role("button", name="Estimate them").click()
    page.get_by_role("button", name="AVIF ≈").click()
    item(page, "photo.jpg").get_by_text("AVIF").wait_for()
    assert page.get_by_label("Format").input_value() == "avif"

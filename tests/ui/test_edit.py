"""Crop, turn and colour by hand, with a preview while it moves: judged by the pixels that come out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import pictures
from acting import add, item, settled
from serving import Server

Visit = Callable[..., Any]


@pytest.fixture
def source() -> Image.Image:
    return pictures.photo().resize((512, 384), Image.Resampling.LANCZOS)


@pytest.fixture
def editing(visit: Visit, server: Server, tmp_path: Path, source: Image.Image) -> Any:
    path = tmp_path / "photo.png"
    path.write_bytes(pictures.saved(source, "PNG"))
    page = visit(server.url, viewport={"width": 1280, "height": 900})
    page.get_by_role("slider", name="Quality").fill("100")
    add(page, [path])
    settled(page, 1)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_alt_text("Preview").wait_for()
    return page


def saved(page: Any) -> np.ndarray:
    """The pixels of what is downloaded after Save."""
    page.get_by_role("button", name="Save", exact=True).click()
    item(page, "photo.png").get_by_text("edited").wait_for()
    page.get_by_alt_text("Result").wait_for(state="attached")
    settled(page, 1)
    with page.expect_download() as taken:
        item(page, "photo.png").get_by_role("link", name="Download").click()
    return np.asarray(Image.open(taken.value.path()).convert("RGB")).astype(int)


def is_like(made: np.ndarray, wanted: Image.Image) -> bool:
    pixels = np.asarray(wanted.convert("RGB")).astype(int)
    return made.shape == pixels.shape and float(np.abs(made - pixels).mean()) < 1.0


def test_what_is_cut_and_turned_by_hand_comes_out_so(editing: Any, source: Image.Image) -> None:
    editing.get_by_role("combobox", name="Crop").select_option("1:1")
    box = editing.get_by_role("application", name="Crop of 384 by 384")
    box.focus()
    for key in ("ArrowRight", "Alt+ArrowRight", "Alt+ArrowRight"):
        editing.keyboard.press(key)
    editing.get_by_role("button", name="↻ Right").click()
    editing.get_by_role("button", name="⇋ Mirror").click()
    left = int(editing.get_by_label("Left", exact=True).input_value())
    assert left == 64 + 12
    wanted = ImageOps.mirror(source.crop((left, 0, left + 384, 384)).rotate(-90))
    assert is_like(saved(editing), wanted)


def test_a_corner_is_dragged_and_keeps_the_ratio(editing: Any) -> None:
    editing.get_by_role("combobox", name="Crop").select_option("16:9")
    corner = editing.locator("[data-corner=se]").bounding_box()
    editing.mouse.move(corner["x"] + 6, corner["y"] + 6)
    editing.mouse.down()
    editing.mouse.move(corner["x"] - 120, corner["y"] - 60, steps=4)
    editing.mouse.up()
    width = int(editing.get_by_label("Width", exact=True).input_value())
    height = int(editing.get_by_label("Height", exact=True).input_value())
    assert 100 < width < 500 and width / height == pytest.approx(16 / 9, abs=0.02)
    made = saved(editing)
    assert made.shape[:2] == (height, width)


def test_colours_change_and_every_step_can_be_undone(editing: Any, source: Image.Image) -> None:
    preview = editing.get_by_alt_text("Preview")
    first = preview.get_attribute("src")
    editing.get_by_label("Brightness").fill("1.6")
    editing.get_by_role("button", name="Greyscale").click()
    grey = "each => { const c = new OffscreenCanvas(1, 1).getContext('2d'); c.drawImage(each, 0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data] }"
    for _ in range(100):  # a busy machine takes its time
        red, green, blue, alpha = preview.evaluate(grey)
        if alpha == 255 and max(red, green, blue) - min(red, green, blue) <= 4:
            break
        editing.wait_for_timeout(100)
    assert preview.get_attribute("src") != first
    assert alpha == 255 and max(red, green, blue) - min(red, green, blue) <= 4
    editing.get_by_role("button", name="Undo", exact=True).click()
    assert editing.get_by_role("button", name="Greyscale").get_attribute("aria-pressed") == "false"
    editing.keyboard.press("Control+z")
    assert editing.get_by_label("Brightness").input_value() == "1"
    editing.get_by_role("button", name="Redo").click()
    assert editing.get_by_label("Brightness").input_value() == "1.6"
    made = saved(editing)
    assert made.mean() > np.asarray(source).mean() * 1.2
    editing.get_by_role("button", name="Edit", exact=True).click()
    editing.get_by_role("button", name="Undo all").click()
    editing.get_by_role("button", name="Save", exact=True).click()
    item(editing, "photo.png").get_by_text("edited").wait_for(state="detached")
    settled(editing, 1)


def test_a_limited_preview_says_so_and_comes_later(editing: Any) -> None:
    refused: list[int] = []

    def limit(route: Any) -> None:
        if refused:
            route.continue_()
            return
        refused.append(1)
        error = {"error": {"code": "RATE_LIMIT_EXCEEDED", "message": "too many requests"}}
        route.fulfill(status=429, headers={"Retry-After": "1"}, json=error)

    editing.route("**/api/convert", limit)
    first = editing.get_by_alt_text("Preview").get_attribute("src")
    editing.get_by_role("button", name="Greyscale").click()
    editing.get_by_text("too many requests").wait_for()
    editing.get_by_text("too many requests").wait_for(state="detached")
    assert editing.get_by_alt_text("Preview").get_attribute("src") != first

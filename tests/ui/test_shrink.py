"""Drop pictures in, see them shrink, take them away: in a real Chromium against a real server."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import pictures
from acting import add, item, items, settled, watch_wishes, wished
from serving import Server

Visit = Callable[..., Any]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(pictures.saved(pictures.photo(), "JPEG", quality=97))
    return path


def test_a_picture_shrinks_and_is_taken_away(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    add(page, [photo])
    settled(page, 1)
    one = item(page, "photo.jpg")
    assert "JPEG" in one.inner_text() and "% smaller" in one.inner_text()
    with page.expect_download() as taken:
        one.get_by_role("link", name="Download").click()
    data = taken.value.path().read_bytes()
    assert taken.value.suggested_filename == "photo.jpg" and len(data) < photo.stat().st_size
    assert Image.open(io.BytesIO(data)).size == (256, 192)


def test_every_format_is_taken_and_comes_back_in_one_zip(
    visit: Visit, server: Server, photos: list[Path], tmp_path: Path
) -> None:
    page = visit(server.url)
    twin = tmp_path / photos[0].name  # two files of one name
    twin.write_bytes(pictures.saved(pictures.graphic(), "PNG", compress_level=0))
    add(page, [*photos, twin])
    settled(page, len(photos) + 1)
    assert items(page).get_by_role("link", name="Download").count() == len(photos) + 1
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download all").click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {*(path.name for path in photos), "a png-2.png"}
        for path in photos:
            assert 0 < archive.getinfo(path.name).file_size <= path.stat().st_size


def test_what_is_no_picture_says_why_and_stops_nobody(
    visit: Visit, server: Server, photo: Path, tmp_path: Path
) -> None:
    broken, text = tmp_path / "broken.jpg", tmp_path / "notes.txt"
    broken.write_bytes(photo.read_bytes()[:700])
    text.write_text("no picture")
    page = visit(server.url)
    add(page, [broken, text, photo])
    settled(page, 3)
    assert items(page).get_by_role("link", name="Download").count() == 1
    for name in ("broken.jpg", "notes.txt"):
        assert item(page, name).locator(".warn").inner_text().strip()
        item(page, name).get_by_role("button", name="Try again").wait_for()
    item(page, "notes.txt").get_by_role("button", name="Remove notes.txt").click()
    assert items(page).count() == 2


def test_changed_settings_run_again_and_are_remembered(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    add(page, [photo])
    settled(page, 1)
    page.get_by_label("Format").select_option("webp")
    item(page, "photo.jpg").get_by_text("WEBP").wait_for()
    page.get_by_label("Max. width").fill("100")
    page.get_by_label("Max. width").blur()
    watch_wishes(page)
    with page.expect_response(lambda answer: answer.url.endswith("/optimize")):
        page.get_by_label("Preset").select_option("high")
    assert wished(page) == [{"quality": 40, "format": "webp", "max_width": 100}]
    settled(page, 1)
    with page.expect_download() as taken:
        item(page, "photo.jpg").get_by_role("link", name="Download").click()
    assert taken.value.suggested_filename == "photo.webp"
    made = Image.open(taken.value.path())
    assert made.format == "WEBP" and made.size == (100, 75)
    page.reload()
    assert page.get_by_label("Format").input_value() == "webp"
    assert page.get_by_label("Preset").input_value() == "high"
    page.get_by_role("button", name="Reset").click()
    assert page.get_by_label("Format").input_value() == ""


@pytest.mark.parametrize(
    ("aim", "label", "value", "said"),
    [
        ("By look", "Looks the same", "85", {"min_score": 85}),
        ("By size", "No more than (kB)", "9", {"target_size": 9216}),
    ],
)
def test_the_three_aims(
    visit: Visit, server: Server, photo: Path, aim: str, label: str, value: str, said: dict[str, int]
) -> None:
    page = visit(server.url)
    page.get_by_label("Format").select_option("webp")
    page.get_by_text(aim, exact=True).click()
    page.get_by_label(label).fill(value)
    watch_wishes(page)
    add(page, [photo])
    settled(page, 1)
    assert wished(page) == [{**said, "format": "webp"}]
    if aim == "By size":
        with page.expect_download() as taken:
            item(page, "photo.jpg").get_by_role("link", name="Download").click()
        assert taken.value.path().stat().st_size <= 9216
    else:
        shown = item(page, "photo.jpg").get_by_text("score").inner_text()
        assert float(shown.removeprefix("score ")) >= 84.5


def test_a_size_that_cannot_be_reached_is_told(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    page.get_by_text("By size", exact=True).click()
    page.get_by_label("No more than (kB)").fill("0.05")
    add(page, [photo])
    settled(page, 1)
    item(page, "photo.jpg").get_by_text("could not be reached").wait_for()


def test_pictures_are_dropped_and_pasted(visit: Visit, server: Server) -> None:
    page = visit(server.url)
    make = """async kind => {
        const canvas = new OffscreenCanvas(64, 64)
        canvas.getContext("2d").fillRect(8, 8, 30, 30)
        const held = new DataTransfer()
        held.items.add(new File([await canvas.convertToBlob()], `${kind}.png`, { type: "image/png" }))
        const event = kind === "paste"
            ? new ClipboardEvent("paste", { clipboardData: held, bubbles: true, cancelable: true })
            : new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true })
        document.body.dispatchEvent(event)
    }"""
    page.evaluate(make, "drop")
    page.evaluate(make, "paste")
    settled(page, 2)
    assert item(page, "drop.png").count() == item(page, "paste.png").count() == 1


def test_a_folder_keeps_its_shape_in_the_zip(visit: Visit, server: Server, photo: Path, tmp_path: Path) -> None:
    for name in ("trip/one", "trip/two"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "photo.jpg").write_bytes(photo.read_bytes())
    page = visit(server.url)
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "trip")
    settled(page, 2)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download all").click()
    assert set(zipfile.ZipFile(taken.value.path()).namelist()) == {"trip/one/photo.jpg", "trip/two/photo.jpg"}


def test_all_is_written_into_a_folder_that_the_browser_gives(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    # No test can answer the system's dialog: the browser's own private folder stands for the one that is chosen.
    page.evaluate("() => { window.showDirectoryPicker = () => navigator.storage.getDirectory() }")
    add(page, [photo])
    settled(page, 1)
    page.get_by_role("button", name="Save into a folder").click()
    page.get_by_text("1 saved in").wait_for()
    size = page.evaluate("""async () => {
        const folder = await navigator.storage.getDirectory()
        return (await (await folder.getFileHandle("photo.jpg")).getFile()).size
    }""")
    assert 0 < size < photo.stat().st_size


def test_cancelled_pictures_can_be_tried_again(visit: Visit, server: Server, photo: Path) -> None:
    page = visit(server.url)
    held: list[Any] = []
    page.route("**/optimize", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks what it is given
    add(page, [photo])
    item(page, "photo.jpg").get_by_role("button", name="Cancel").click()
    item(page, "photo.jpg").get_by_text("cancelled").wait_for()
    page.unroute("**/optimize")
    item(page, "photo.jpg").get_by_role("button", name="Try again").click()
    settled(page, 1)
    item(page, "photo.jpg").get_by_role("link", name="Download").wait_for()

"""The background goes in the browser: a real model in ONNX Runtime Web, its matte and soft edges judged by pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pictures
from acting import add, item, settled
from node import page_packages
from onnxfile import matte_model
from origins import Origin
from serving import Server

Visit = Callable[..., Any]
RUNTIME = "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
FRONT, BACK = (250, 210, 190), (10, 40, 90)  # bright before dark


@pytest.fixture
def origin() -> Iterator[Origin]:
    running = Origin({"/model.onnx": matte_model()})
    yield running
    running.stop()


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """Something bright before something dark, with an edge that is 24 pixels soft."""
    across = np.linspace(0, 1, 24)
    share = np.concatenate([np.zeros(180), across, np.ones(192), across[::-1], np.zeros(180)])
    row = share[:, None] * np.array(FRONT) + (1 - share[:, None]) * np.array(BACK)
    path = tmp_path / "person.png"
    path.write_bytes(pictures.saved(Image.fromarray(np.tile(row.round().astype(np.uint8), (400, 1, 1))), "PNG"))
    return path


def opened(visit: Visit, server: Server, person: Path) -> Any:
    page = visit(server.url)
    add(page, [person])
    settled(page, 1)
    page.get_by_role("button", name="Background", exact=True).click()
    return page


def with_runtime(page: Any, request: pytest.FixtureRequest) -> None:
    """The wasm is no part of a checkout: npm's own file stands for the one that a wheel brings."""
    assert request.config.cache is not None
    runtime = page_packages(request.config.cache) / RUNTIME
    page.context.route("**/*.wasm", lambda route: route.fulfill(path=runtime, content_type="application/wasm"))


@pytest.mark.slow
def test_the_background_goes_and_soft_edges_keep_none_of_it(
    visit: Visit, serve: Callable[..., Server], origin: Origin, person: Path, request: pytest.FixtureRequest
) -> None:
    url = f"{origin.url}/model.onnx"
    page = opened(visit, serve(MODEL_FULL_URL=url, MODEL_QUANTIZED_URL=url), person)
    with_runtime(page, request)
    page.get_by_text("the picture leaves it only to be packed").wait_for()
    page.get_by_role("button", name="Remove the background").click()
    page.get_by_alt_text("Without its background").wait_for()
    page.get_by_role("button", name="The matte").click()
    assert page.locator("canvas").evaluate("each => [each.width, each.height]") == [768, 512]
    page.get_by_label("Show it on").select_option("colour")
    page.get_by_role("button", name="Save", exact=True).click()
    item(page, "person.png").get_by_text("without its background").wait_for()
    settled(page, 1)
    with page.expect_download() as taken:
        item(page, "person.png").get_by_role("link", name="Download").click()
    made = np.asarray(Image.open(taken.value.path()).convert("RGBA")).astype(float)
    assert made.shape == (400, 600, 4)
    line = made[200]
    assert line[:150, 3].max() < 12 and line[225:375, 3].min() > 243
    is_soft = (line[:, 3] > 60) & (line[:, 3] < 195)
    assert is_soft.sum() >= 4, "the edge is hard"
    source = np.asarray(Image.open(person).convert("RGB")).astype(float)[200]
    kept, there = (np.abs(each[is_soft, :3] - np.array(FRONT)).mean() for each in (line, source))
    assert kept < 0.5 * there, "the old background shines through the edge"


def test_a_server_without_the_runtime_explains_itself(visit: Visit, server: Server, person: Path) -> None:
    page = opened(visit, server, person)
    page.context.route("**/*.wasm", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Remove the background").click()
    page.get_by_text("has no runtime for models").wait_for()


def test_a_model_that_cannot_be_had_is_told_and_can_be_tried_again(
    visit: Visit, serve: Callable[..., Server], origin: Origin, person: Path, request: pytest.FixtureRequest
) -> None:
    gone = f"{origin.url}/gone.onnx"
    page = opened(visit, serve(MODEL_FULL_URL=gone, MODEL_QUANTIZED_URL=gone), person)
    with_runtime(page, request)
    page.get_by_role("button", name="Remove the background").click()
    page.get_by_text("It did not work").wait_for()
    assert page.get_by_role("button", name="Remove the background").is_enabled()

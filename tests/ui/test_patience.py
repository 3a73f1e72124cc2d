"""A server that is full, that limits, that dies and comes back: no picture is lost, nobody is pestered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pictures
from acting import add, item, items, settled
from serving import Server

Visit = Callable[..., Any]


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    found = []
    for number in range(12):
        path = tmp_path / f"photo-{number}.jpg"
        path.write_bytes(pictures.saved(pictures.photo().rotate(number), "JPEG", quality=97))
        found.append(path)
    return found


def test_a_full_server_is_given_the_time_that_it_asks_for(
    visit: Visit, serve: Callable[..., Server], many: list[Path]
) -> None:
    server = serve(COMPRESSION_SEMAPHORE_SIZE="1", MAX_QUEUE_DEPTH="1")
    page = visit(server.url)
    statuses: list[int] = []
    page.on("response", lambda answer: statuses.append(answer.status) if "/optimize" in answer.url else None)
    add(page, many)
    settled(page, len(many))
    assert items(page).get_by_role("link", name="Download").count() == len(many)
    assert statuses.count(200) == len(many) and set(statuses) <= {200, 503}


def test_a_rate_limit_is_kept_to_and_told(visit: Visit, server: Server, many: list[Path]) -> None:
    page = visit(server.url)
    refused: list[float] = []

    def limit(route: Any) -> None:
        if not refused:
            refused.append(time.monotonic())
            body = '{"success": false, "error": "rate_limit_exceeded", "message": "too many requests"}'
            route.fulfill(status=429, headers={"Retry-After": "2"}, content_type="application/json", body=body)
        else:
            again.append(time.monotonic())
            route.continue_()

    again: list[float] = []
    page.route("**/optimize", limit)
    add(page, many[:1])
    page.get_by_text("limit is reached").wait_for()
    settled(page, 1)
    item(page, "photo-0.jpg").get_by_role("link", name="Download").wait_for()
    assert again[0] - refused[0] >= 1.0, "it was asked again before the time was over"


def test_a_server_that_dies_and_comes_back_gets_the_rest(
    visit: Visit, serve: Callable[..., Server], many: list[Path]
) -> None:
    server = serve()
    page = visit(server.url)
    server.kill()
    add(page, many[:4])
    page.get_by_text("does not answer").wait_for()
    server.start()
    settled(page, 4)
    assert items(page).get_by_role("link", name="Download").count() == 4
    page.get_by_text("does not answer").wait_for(state="detached")


@pytest.mark.slow
def test_sixty_mixed_files_leave_the_page_free(
    visit: Visit, server: Server, photos: list[Path], tmp_path: Path
) -> None:
    files = []
    for number in range(60):
        source = photos[number % len(photos)]
        path = tmp_path / f"{number}-{source.name}"
        path.write_bytes(source.read_bytes())
        files.append(path)
    page = visit(server.url)
    page.evaluate("""() => {
        window.long = []
        new PerformanceObserver(list => long.push(...list.getEntries().map(each => each.duration)))
            .observe({ type: "longtask" })
    }""")
    add(page, files)
    settled(page, 60, 150)
    assert items(page).get_by_role("link", name="Download").count() == 60
    longest = max(page.evaluate("long"), default=0)
    assert longest < 1000, f"the page stood still for {longest} ms"  # alone on two cores it is under 200

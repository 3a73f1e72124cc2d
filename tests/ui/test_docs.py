"""The page of the APIs in a browser: a request is tried, and its command copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pictures import photo, saved
from serving import Server


def test_an_endpoint_is_tried_from_its_page(server: Server, visit: Callable[..., Any]) -> None:
    page = visit(f"{server.url}/docs")
    part = page.locator("section", has=page.locator("code", has_text="/optimize")).first
    assert server.url in part.locator(".command pre").inner_text()
    part.locator("summary", has_text="Try it").click()
    picture = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": saved(photo(), "JPEG", quality=95)}
    part.locator("input[type=file]").set_input_files(picture)
    part.locator("[data-field=options]").fill('{"optimization": {"quality": 60, "format": "webp"}}')
    part.locator("button", has_text="send").click()
    part.locator("output img").wait_for(timeout=60_000)
    told = part.locator("output pre").inner_text()
    assert told.startswith("200") and "content-type: image/webp" in told
    assert part.locator("output img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") == 256


def test_errors_and_json_are_shown_as_they_come(visit: Callable[..., Any], serve: Callable[..., Server]) -> None:
    server = serve(API_KEY="k" * 20)
    page = visit(f"{server.url}/docs")
    part = page.locator("section", has=page.locator("code", has_text="/v1/usage")).first
    part.locator("summary", has_text="Try it").click()
    part.locator("button", has_text="send").click()
    part.locator("output pre", has_text="invalid_api_key").wait_for(timeout=30_000)
    page.locator("#key").fill("k" * 20)
    part.locator("button", has_text="send").click()
    part.locator("output pre", has_text='"period"').wait_for(timeout=30_000)

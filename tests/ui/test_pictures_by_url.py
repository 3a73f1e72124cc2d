"""``<img srcset>`` in a browser: pictures of the right width and the best format that it shows, and 304 for what it has."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Response

from origins import Origin
from pictures import photo, saved
from pixlean.access.signatures import PathKey, Signatures
from serving import Server

KEY = "a key that nobody knows"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "a.jpg").write_bytes(saved(photo().resize((1600, 1200)), "JPEG", quality=90))
    running = Server(IMG_SOURCES=f"shop=file:{folder}", IMG_KEYS=KEY, IMG_CACHE_CONTROL="no-cache")
    yield running
    running.stop()


def url(server: Server, options: str) -> str:
    path = f"/{options}/shop/a.jpg"
    return f"{server.url}/img/{Signatures(keys=(PathKey(KEY.encode()),)).sign(path)}{path}"


def told(server: Server, status: int) -> float:
    """How many pictures were answered with a status."""
    found = re.search(rf'route="/img/[^"]*",status="{status}"}} ([0-9.]+)', server.client.get("/metrics").text)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize(("screen_px", "dpr", "width"), [(300, 1, 300), (300, 2, 600), (600, 2, 1200)])
def test_a_page_gets_the_width_that_it_shows_and_a_second_load_costs_nothing(
    browser: Browser, shop: Server, screen_px: int, dpr: int, width: int
) -> None:
    srcset = ", ".join(f"{url(shop, f'w={each},f=auto')} {each}w" for each in (300, 600, 1200))
    html = f'<!doctype html><body style="margin:0"><img style="width:100%" sizes="100vw" srcset="{srcset}">'
    site = Origin({"/": html.encode()}, headers={"Content-Type": "text/html"})
    context = browser.new_context(viewport={"width": screen_px, "height": 400}, device_scale_factor=dpr)
    try:
        page = context.new_page()
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer) if "/img/" in answer.url else None)
        page.goto(f"{site.url}/")
        page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth > 0")
        assert f"w={width}," in answers[0].url and answers[0].status == 200
        assert answers[0].headers["content-type"] in ("image/avif", "image/webp")
        known = told(shop, 304)
        page.goto(f"{site.url}/")
        page.wait_for_function("document.images[0].complete && document.images[0].naturalWidth > 0")
        assert told(shop, 304) == known + 1
    finally:
        context.close()
        site.stop()


def test_without_accept_it_is_a_jpeg(shop: Server) -> None:
    plain = shop.client.build_request("GET", url(shop, "w=300,f=auto"))
    del plain.headers["accept"]
    assert shop.client.send(plain).headers["content-type"] == "image/jpeg"

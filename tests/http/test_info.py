"""``POST /info``: what a picture is, by upload and by URL."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from origins import Origin
from pictures import every_format, exif, opened, photo, saved
from serving import Server


def test_a_photograph_is_told_as_it_is(server: Server) -> None:
    data = saved(photo(), "JPEG", quality=88, exif=exif(6))
    answer = server.client.post("/info", files={"file": ("a.jpg", data)})
    assert answer.status_code == 200, answer.text
    facts = answer.json()
    assert (facts["format"], facts["size_bytes"], facts["quality"]) == ("jpeg", len(data), 88)
    assert (facts["width_px"], facts["height_px"], facts["orientation"]) == (192, 256, 6)
    assert "gps" in facts["metadata"] or "exif" in facts["metadata"]
    assert facts["palette"][0] == facts["dominant_colour"] and len(facts["palette"]) <= 6
    assert 6 <= len(facts["blurhash"]) <= 40
    tiny = opened(base64.b64decode(facts["lqip"].partition(",")[2]))
    assert tiny.height > tiny.width
    optimized = server.client.post("/optimize", files={"file": ("a.jpg", data)})
    assert facts["estimate"]["estimated_optimized_size"] == pytest.approx(len(optimized.content), rel=0.1)


@pytest.mark.parametrize("name", sorted(every_format()))
def test_every_format_has_facts(server: Server, name: str) -> None:
    facts = server.client.post("/info", files={"file": ("a", every_format()[name])}).json()
    assert facts["format"] == name and facts["width_px"] > 0


def test_a_url_is_looked_at_too_and_faults_are_told_as_ever(serve: Callable[..., Server]) -> None:
    origin = Origin({"/a.png": saved(photo(), "PNG"), "/b.png": b"no picture"})
    server = serve(URL_FETCH_REQUIRE_HTTPS="false", URL_FETCH_ALLOWED_NETS="127.0.0.0/8")
    try:
        asked = {"url": f"{origin.url}/a.png", "quality": 3}
        answer = server.client.post("/info", json=asked)
        assert answer.json()["format"] == "png" and "quality" in answer.headers["x-pixlean-warning"]
        assert server.client.post("/info", json={"url": f"{origin.url}/b.png"}).status_code == 415
        assert server.client.post("/info", json={"url": f"{origin.url}/c.png"}).json()["error"] == "url_fetch_failed"
        assert server.client.post("/info", files={"file": ("a", b"")}).status_code == 400
        assert server.client.get("/info").status_code == 405
    finally:
        origin.stop()

"""``POST /optimize`` with a URL."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest
from test_optimize import assert_error

from pictures import photo, saved
from serving import Server


@pytest.fixture
def origin() -> Iterator[str]:
    picture = saved(photo(), "JPEG", quality=95)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/photo.jpg": picture, "/page": b"<html></html>", "/empty": b""}.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_url_is_fetched_and_compressed(serve: Callable[..., Server], origin: str) -> None:
    server = serve(URL_FETCH_ALLOWED_NETS="127.0.0.0/8", URL_FETCH_REQUIRE_HTTPS="false")
    response = server.client.post("/optimize", json={"url": f"{origin}/photo.jpg", "optimization": {"quality": 60}})
    assert response.status_code == 200 and response.headers["x-optimization-method"] == "jpegli-trellis"
    assert "fetch;dur=" in response.headers["server-timing"]
    assert_error(server.client.post("/optimize", json={"url": f"{origin}/none"}), 422, "url_fetch_failed")
    assert_error(server.client.post("/optimize", json={"url": f"{origin}/page"}), 415, "unsupported_format")
    assert_error(server.client.post("/optimize", json={"url": f"{origin}/empty"}), 415, "unsupported_format")


def test_by_default_private_places_and_plain_http_are_blocked(server: Server, origin: str) -> None:
    for url in (
        f"{origin}/photo.jpg",
        origin.replace("http:", "https:"),
        "https://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
    ):
        assert_error(server.client.post("/optimize", json={"url": url}), 422, "ssrf_blocked")
    for body in ({"url": 5}, {"url": ""}, {"url": None}, {}):
        assert_error(server.client.post("/optimize", json=body), 400, "bad_request")

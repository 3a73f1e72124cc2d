"""Pictures out of buckets: named by ``url`` where the operator allows it, and as a source of pictures by URL."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pictures import opened, photo, saved
from serving import Server

DATA = saved(photo(), "JPEG", quality=95)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    url = f"http://{host}:{port}"
    for bucket in ("photos", "private"):
        httpx.put(f"{url}/{bucket}").raise_for_status()
        for key in ("open/a.jpg", "closed/a.jpg", "openly.jpg"):
            httpx.put(f"{url}/{bucket}/{key}", content=DATA, headers={"Cache-Control": "max-age=77"}).raise_for_status()
    running = Server(
        AWS_ENDPOINT_URL=url, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1",
        SOURCE_ALLOWED_BUCKETS="s3://photos/open", IMG_SOURCES="shop=s3://photos/open", IMG_UNSIGNED="true",
    )  # fmt: skip
    yield running
    running.stop()
    store.stop()


def test_an_allowed_bucket_is_read_with_the_servers_credentials(server: Server) -> None:
    asked = {"url": "s3://photos/open/a.jpg", "optimization": {"quality": 60}}
    answer = server.client.post("/optimize", json=asked)
    assert answer.status_code == 200, answer.text
    assert opened(answer.content).size == photo().size and "fetch;dur=" in answer.headers["server-timing"]
    forecast = server.client.post("/estimate", json={"url": "s3://photos/open/a.jpg"}).json()
    assert forecast["original_size"] == len(DATA)


@pytest.mark.parametrize(
    "url",
    [
        "s3://private/open/a.jpg", "s3://photos/closed/a.jpg", "s3://photos/openly.jpg", "s3://photos/open/../closed/a.jpg",
        "gs://photos/open/a.jpg", "s3://photos", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_nothing_else_is_read(server: Server, url: str) -> None:
    answer = server.client.post("/optimize", json={"url": url})
    assert answer.status_code == 422 and answer.json()["error"] == "ssrf_blocked"


def test_what_is_not_there_is_told(server: Server) -> None:
    answer = server.client.post("/optimize", json={"url": "s3://photos/open/b.jpg"})
    assert answer.status_code == 422 and answer.json()["error"] == "url_fetch_failed"


def test_a_bucket_is_a_source_of_pictures_by_url_with_its_own_lifetime(server: Server) -> None:
    answer = server.client.get("/img/unsigned/w=64/shop/a.jpg")
    assert answer.status_code == 200 and opened(answer.content).width == 64
    assert answer.headers["cache-control"] == "public, max-age=77"
    assert server.client.get("/img/unsigned/w=64/shop/b.jpg").status_code == 404

"""OptiPic: what the exchanges do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pictures import every_format, exif, opened, photo, saved
from pixlean.state.settings import Settings
from pixlean.web.dialects.optipic.settings import TARIFF
from serving import Server
from spending import spend

DATA = saved(photo(), "JPEG", quality=95)


@pytest.fixture(scope="module")
def optipic() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def send(server: Server, path: str, data: bytes = DATA, key: str = "", **fields: object) -> httpx.Response:
    form = {name: str(value) for name, value in fields.items()}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return server.client.post(f"/v1/{path}", files={"file": ("x", data)}, data=form, headers=headers)


@pytest.mark.parametrize("name", ["jpeg", "png", "apng", "webp", "avif", "gif", "heic"])
def test_every_input_keeps_its_format_and_its_size(optipic: Server, name: str) -> None:
    data = every_format()[name]
    answer = send(optipic, "compress", data, quality=60)
    assert answer.status_code == 200 and answer.headers["content-type"] == f"image/{name.replace('apng', 'png')}"
    assert opened(answer.content).size == opened(data).size and len(answer.content) <= len(data)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "gif", "heic"])
def test_a_smaller_picture_keeps_its_format(optipic: Server, name: str) -> None:
    answer = send(optipic, "resize", every_format()[name], width=64)
    assert answer.status_code == 200 and answer.headers["content-type"] == f"image/{name}", answer.text[:200]
    assert opened(answer.content).width == 64


@pytest.mark.parametrize("name", ["tiff", "bmp", "svg", "svgz", "jxl"])
def test_other_formats_are_refused(optipic: Server, name: str) -> None:
    answer = send(optipic, "compress", every_format()[name])
    assert answer.status_code == 415 and answer.json()["error"] == "unsupported_format"


def test_one_side_never_enlarges_and_two_are_exact(optipic: Server) -> None:
    assert opened(send(optipic, "resize", width=4000).content).size == (256, 192)
    assert opened(send(optipic, "resize", height=96).content).size == (128, 96)
    assert opened(send(optipic, "resize", width=300, height=300, format="png").content).size == (300, 300)


def test_exif_goes_unless_it_is_to_stay_and_the_picture_stays_upright(optipic: Server) -> None:
    turned = saved(photo(), "JPEG", quality=95, exif=exif(6))
    stripped, kept = send(optipic, "compress", turned), send(optipic, "compress", turned, strip_exif="false")
    assert b"SecretCam" not in stripped.content and b"SecretCam" in kept.content
    upright = send(optipic, "convert", turned, to="webp")
    assert opened(upright.content).size == (192, 256)


def test_usage_counts_successes_only_and_the_quota_ends(serve: Callable[..., Server]) -> None:
    server = serve()
    free, payg = server.new_key("free", "Ada"), server.new_key("payg", "Bob")
    send(server, "compress", key=free)
    send(server, "compress", b"no picture", key=free)
    send(server, "resize", key=free)

    def usage(key: str) -> dict[str, object]:
        return dict(server.client.get("/v1/usage", headers={"Authorization": f"Bearer {key}"}).json())

    assert usage(free)["requests"] == 1 and usage(free)["remaining"] == 499
    assert usage(payg)["requests"] == 0
    state = Settings(folder=Path(server.data.name))
    spend(state, free, TARIFF, 499)
    spend(state, payg, TARIFF, 600)
    refused = send(server, "compress", key=free)
    body = refused.json()
    assert refused.status_code == 429 and body["error"] == "rate_limit_exceeded" and body["limit"] == 500
    assert body["reset_at"] == usage(free)["reset_at"] and body["message"].startswith("Monthly request limit reached")
    assert send(server, "compress", key=payg).status_code == 200
    month = usage(payg)
    assert month["overage_requests"] == 101 and month["overage_cost_usd"] == 0.909 and month["remaining"] == 0
    shown = server.pixlean("usage", "--json")
    assert '"used": 601' in shown and '"used": 500' in shown
    metrics = server.client.get("/metrics").text
    assert 'pixlean_plan_requests_total{dialect="optipic",plan="payg",status="200"}' in metrics
    assert free not in metrics and "Ada" not in metrics

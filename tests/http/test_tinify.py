"""Tinify: the official clients of Python and Node against a running server, and what they do not show."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import tinify
import trustme
from PIL import Image

from node import node_folder, run_node
from origins import Origin
from pictures import graphic, opened, photo, saved, with_alpha
from pixlean.state.settings import Settings
from pixlean.web.dialects.tinify.settings import TARIFF
from serving import Server
from spending import spend

DATA = saved(photo(), "JPEG", quality=95)


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    running = Origin({"/photo.jpg": DATA})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    httpx.put(f"http://{host}:{port}/bucket").raise_for_status()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(scope="module")
def tiny(origin: Origin, s3: str) -> Iterator[Server]:
    running = Server(URL_FETCH_REQUIRE_HTTPS="false", URL_FETCH_ALLOWED_NETS="127.0.0.0/8", AWS_ENDPOINT_URL=s3)
    running.key = running.new_key("payg")  # type: ignore[attr-defined]
    yield running
    running.stop()


@pytest.fixture
def client(tiny: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tinify.Client, "API_ENDPOINT", tiny.url)
    tinify.tinify.key = tiny.key  # type: ignore[attr-defined]
    return tinify.tinify


def test_python_validates_a_key_and_learns_its_count(client: Any) -> None:
    assert client.validate() is True
    before = client.compression_count
    client.from_buffer(DATA).to_buffer()
    assert client.compression_count == before + 1
    client.key = "px_live_wrong"
    with pytest.raises(tinify.AccountError) as caught:
        client.validate()
    assert caught.value.status == 401


def test_python_shrinks_files_buffers_and_urls(client: Any, origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(DATA)
    client.from_file(str(tmp_path / "in.jpg")).to_file(str(tmp_path / "out.jpg"))
    buffer = client.from_buffer(DATA).to_buffer()
    fetched = client.from_url(f"{origin.url}/photo.jpg").result()
    assert (tmp_path / "out.jpg").read_bytes() == buffer == fetched.to_buffer()
    assert len(buffer) < len(DATA) and opened(buffer).size == (256, 192)
    assert (fetched.width, fetched.height, fetched.media_type) == (256, 192, "image/jpeg")
    assert fetched.size == len(buffer) == len(fetched) and fetched.extension == "jpeg"


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"method": "fit", "width": 100, "height": 100}, (100, 75)),
        ({"method": "scale", "width": 64}, (64, 48)),
        ({"method": "scale", "height": 96}, (128, 96)),
        ({"method": "cover", "width": 100, "height": 100}, (100, 100)),
        ({"method": "thumb", "width": 60, "height": 90}, (60, 90)),
        ({"method": "fit", "width": 1000, "height": 1000}, (256, 192)),
        ({"method": "cover", "width": 1000, "height": 1000}, (192, 192)),
    ],
)
def test_python_resizes_and_never_enlarges(client: Any, options: dict[str, Any], size: tuple[int, int]) -> None:
    result = client.from_buffer(DATA).resize(**options).result()
    assert opened(result.to_buffer()).size == size == (result.width, result.height)


def test_resizing_counts_one_more(client: Any) -> None:
    source = client.from_buffer(DATA)
    before = client.compression_count
    source.resize(method="scale", width=64).to_buffer()
    assert client.compression_count == before + 1
    source.resize(method="scale", width=64).convert(type="image/webp").to_buffer()
    assert client.compression_count == before + 3
    source.to_buffer()
    assert client.compression_count == before + 3


def test_python_converts_to_one_type_and_to_the_smallest_of_several(client: Any) -> None:
    source = client.from_buffer(saved(photo(), "PNG"))
    for kind in ("image/webp", "image/jpeg", "image/png", "image/avif"):
        result = source.convert(type=kind).result()
        assert result.media_type == kind and opened(result.to_buffer()).size == (256, 192)
    several = source.convert(type=["image/png", "image/webp", "image/jpeg"]).result()
    assert several.media_type in ("image/webp", "image/jpeg")
    any_type = source.convert(type="*/*").result()
    assert any_type.media_type in ("image/webp", "image/avif", "image/jpeg") and any_type.extension


def test_a_background_fills_what_is_transparent(client: Any) -> None:
    source = client.from_buffer(saved(with_alpha(), "PNG"))
    for colour, value in (("#FF8800", (255, 136, 0)), ("black", (0, 0, 0)), ("white", (255, 255, 255))):
        made = opened(source.transform(background=colour).convert(type="image/jpeg").to_buffer())
        assert max(abs(a - b) for a, b in zip(made.getpixel((0, 90)), value, strict=True)) < 12
    kept = opened(source.transform(background="#FF8800").to_buffer())
    assert kept.format == "PNG" and kept.convert("RGBA").getpixel((0, 90))[3] == 255


def test_convert_takes_a_background_too(tiny: Server) -> None:
    auth = httpx.BasicAuth("api", tiny.key)  # type: ignore[attr-defined]
    shrunk = tiny.client.post("/shrink", content=saved(with_alpha(), "PNG"), auth=auth)
    location = shrunk.json()["output"]["url"]
    wish = {"convert": {"type": "image/jpeg", "background": "#FF8800"}}
    made = opened(httpx.post(location, json=wish, auth=auth).content)
    assert max(abs(a - b) for a, b in zip(made.getpixel((0, 90)), (255, 136, 0), strict=True)) < 12
    wrong = httpx.post(location, json={"convert": {"type": "image/jpeg", "background": "red-ish"}}, auth=auth)
    assert wrong.status_code == 400 and "convert.background" in wrong.json()["message"]


def test_the_clients_own_integration_tests_pass(client: Any) -> None:
    """Sizes as the official clients' integration tests want them of their example (MIT), 137 pixels wide."""
    source = client.from_file(str(Path(__file__).parent / "voormedia.png"))
    made = source.to_buffer()
    assert 1000 < len(made) < 1500 and b"Copyright Voormedia" not in made and opened(made).size == (137, 21)
    small = source.resize(method="fit", width=50, height=20).to_buffer()
    assert 500 < len(small) < 1000 and opened(small).size == (50, 8)
    kept = source.preserve("copyright", "creation").to_buffer()
    assert 1000 < len(kept) < 2000 and b"Copyright Voormedia" in kept
    converted = source.convert(type=["image/webp"]).result()
    assert converted.media_type == "image/webp" and 0 < len(converted.to_buffer()) < 1500


def test_a_key_says_how_it_stands(tiny: Server) -> None:
    paid = tiny.client.get(f"/keys/{tiny.key}")  # type: ignore[attr-defined]
    assert paid.status_code == 200 and paid.headers["paying-state"] == "paid"
    assert int(paid.headers["compression-count"]) >= 0 and paid.headers["compression-count-remaining"] == "1000000"
    free = tiny.new_key("free")
    told = tiny.client.get(f"/keys/{free}").headers
    assert (told["paying-state"], told["compression-count"], told["compression-count-remaining"]) == (
        "free",
        "0",
        "500",
    )
    made = tiny.client.post("/shrink", content=DATA, auth=("api", free))
    assert (made.headers["compression-count"], made.headers["compression-count-remaining"]) == ("1", "499")
    for wrong in ("px_live_wrong", "x"):
        unknown = tiny.client.get(f"/keys/{wrong}")
        assert unknown.status_code == 404 and set(unknown.json()) == {"error", "message"}


def test_no_log_holds_a_key_that_was_asked_for(serve: Callable[..., Server], tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        server = serve(stderr=log, LOG_LEVEL="INFO", API_KEY="house-secret")
        assert server.client.get("/keys/house-secret").status_code == 200
        server.stop()
    written = (tmp_path / "log").read_text()
    assert "/keys/{key}" in written and "house-secret" not in written


def described() -> bytes:
    made = Image.Exif()
    made[0x010F], made[0x0112], made[0x8298] = "SecretCam", 6, "(c) Ada"
    made.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    made.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    return saved(photo(), "JPEG", quality=95, exif=made.tobytes())


@pytest.mark.parametrize(
    "kinds", [(), ("copyright",), ("creation",), ("location",), ("copyright", "creation", "location")]
)
@pytest.mark.parametrize("target", [None, "image/webp", "image/png"])
def test_only_what_is_to_be_preserved_stays(client: Any, kinds: tuple[str, ...], target: str | None) -> None:
    source = client.from_buffer(described())
    source = source.preserve(*kinds) if kinds else source
    made = (source.convert(type=target) if target else source).to_buffer()
    image = opened(made)
    found = image.getexif()
    assert (found.get(0x8298) == "(c) Ada") == ("copyright" in kinds)
    assert bool(found.get_ifd(0x8769).get(0x9003)) == ("creation" in kinds)
    assert bool(found.get_ifd(0x8825)) == ("location" in kinds)
    assert b"SecretCam" not in made
    shown = image.size if found.get(0x0112, 1) < 5 else image.size[::-1]
    assert shown == (192, 256)


def test_python_stores_into_a_bucket(client: Any, s3: str) -> None:
    stored = client.from_buffer(DATA).resize(method="scale", width=64).store(
        service="s3", aws_access_key_id="id", aws_secret_access_key="secret", region="us-west-1",
        path="bucket/images/photo 1.jpg", headers={"Cache-Control": "public, max-age=60"},
    )  # fmt: skip
    assert (stored.width, stored.height) == (64, 48)
    assert stored.location == f"{s3}/bucket/images/photo%201.jpg"
    s3_client = boto3.client(
        "s3", endpoint_url=s3, aws_access_key_id="id", aws_secret_access_key="secret", region_name="us-west-1"
    )
    got = s3_client.get_object(Bucket="bucket", Key="images/photo 1.jpg")
    assert got["ContentType"] == "image/jpeg" and opened(got["Body"].read()).size == (64, 48)
    assert got["CacheControl"] == "public, max-age=60"
    with pytest.raises(tinify.ServerError):
        client.from_buffer(DATA).store(
            service="s3", aws_access_key_id="id", aws_secret_access_key="s", region="us-west-1", path="none/x.jpg"
        )


@pytest.mark.parametrize(
    "commands",
    [
        {"resize": {"method": "fit", "width": 100}}, {"resize": {"method": "scale", "width": 1, "height": 1}},
        {"resize": {"method": "crop", "width": 1, "height": 1}}, {"resize": {"method": "scale", "width": 0}},
        {"resize": []}, {"resize": {"method": {}, "width": 1, "height": 1}}, {"convert": {}}, {"convert": {"type": "image/tiff"}}, {"convert": {"type": []}},
        {"transform": {"background": "pink"}}, {"preserve": ["everything"]}, {"rotate": 90},
        {"store": {"service": "ftp"}}, {"store": {"service": "s3", "path": "bucket"}},
        {"store": {"service": "s3", "path": "b/x", "region": "a.b/", "aws_access_key_id": "x", "aws_secret_access_key": "y"}},
    ],
)  # fmt: skip
def test_wrong_commands_are_client_errors(client: Any, tiny: Server, commands: dict[str, Any]) -> None:
    source = client.from_buffer(DATA)
    answer = tiny.client.post(source.url, json=commands, auth=("api", client.key))
    assert answer.status_code == 400 and answer.json()["error"] == "BadRequest", answer.text
    assert answer.headers["compression-count"]


def test_errors_come_in_their_classes(client: Any, origin: Origin) -> None:
    with pytest.raises(tinify.ClientError) as caught:
        client.from_buffer(b"no picture")
    assert caught.value.status == 415 and caught.value.kind == "UnsupportedMediaType"
    with pytest.raises(tinify.ClientError):
        client.from_url(f"{origin.url}/missing.jpg")


def test_a_get_may_carry_commands(client: Any, tiny: Server) -> None:
    location = client.from_buffer(DATA).url
    answer = tiny.client.request(
        "GET", location, json={"resize": {"method": "scale", "width": 32}}, auth=("api", client.key)
    )
    assert answer.status_code == 200 and opened(answer.content).width == 32
    assert "transfer-encoding" not in answer.headers and answer.headers["content-length"] == str(len(answer.content))
    assert location.startswith("/output/")


def test_another_key_does_not_see_an_output(client: Any, tiny: Server) -> None:
    location = client.from_buffer(DATA).url
    stranger = tiny.new_key()
    for verb in ("GET", "POST"):
        assert tiny.client.request(verb, location, auth=("api", stranger)).status_code == 404
        assert tiny.client.request(verb, location).status_code == 401
    assert tiny.client.get(location, auth=("api", client.key)).status_code == 200


def test_an_output_expires_after_an_hour(serve: Callable[..., Server]) -> None:
    import os

    server = serve()
    location = server.client.post("/shrink", content=DATA).headers["location"]
    kept = list((Path(server.data.name) / "objects" / "outputs").rglob("*"))
    assert len([path for path in kept if path.is_file()]) == 2
    old = time.time() - 3601
    for path in kept:
        os.utime(path, (old, old))
    assert server.client.get(location).status_code == 404
    for path in kept:
        os.utime(path, (old - 400, old - 400))
    server.kill()
    server.start()
    for _ in range(100):
        if not any(path.exists() for path in kept if "source" in path.name or "result" in path.name):
            break
        time.sleep(0.1)
    assert not any(path.is_file() for path in kept)


def test_curl_waits_for_100_continue(tiny: Server, tmp_path: Path) -> None:
    (tmp_path / "in.jpg").write_bytes(DATA)
    done = subprocess.run(
        ["curl", "-sv", "--user", f"api:{tiny.key}", "-H", "Expect: 100-continue", "--data-binary",  # type: ignore[attr-defined]
         f"@{tmp_path}/in.jpg", f"{tiny.url}/shrink"], capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert "100 Continue" in done.stderr and json.loads(done.stdout)["output"]["size"] < len(DATA)


def test_a_quota_that_is_used_up_still_validates(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    key = server.new_key("free")
    spend(Settings(folder=Path(server.data.name)), key, TARIFF, 500)
    monkeypatch.setattr(tinify.Client, "API_ENDPOINT", server.url)
    tinify.tinify.key = key
    assert tinify.tinify.validate() is True and tinify.tinify.compression_count == 500
    with pytest.raises(tinify.AccountError) as caught:
        tinify.tinify.from_buffer(DATA)
    assert caught.value.status == 429 and caught.value.kind == "TooManyRequests"


def test_nodes_official_client_runs_its_feature_list(
    serve: Callable[..., Server], origin: Origin, s3: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = node_folder(request.config.cache)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    server = serve(
        TLS_CERT_FILE=str(tmp_path / "cert.pem"), TLS_KEY_FILE=str(tmp_path / "key.pem"), AWS_ENDPOINT_URL=s3,
        URL_FETCH_REQUIRE_HTTPS="false", URL_FETCH_ALLOWED_NETS="127.0.0.0/8",
    )  # fmt: skip
    key = server.new_key("payg")
    (folder / "in.jpg").write_bytes(described())
    (folder / "graphic.png").write_bytes(saved(graphic(), "PNG"))
    said = run_node(folder, _NODE, SERVER=server.url, CA=str(tmp_path / "ca.pem"), KEY=key, ORIGIN=origin.url, S3=s3)
    assert "all done" in said, said
    assert opened((folder / "out.jpg").read_bytes()).size in ((256, 192), (192, 256))


_NODE = """
const assert = require("assert"), fs = require("fs")
const tinify = require("tinify"), Client = require("tinify/lib/tinify/Client").default
Client.API_ENDPOINT = process.env.SERVER
Client.CA_BUNDLE = fs.readFileSync(process.env.CA)
tinify.default.key = "px_live_wrong"
async function main() {
  await assert.rejects(tinify.default.validate(), tinify.default.AccountError)
  tinify.default.key = process.env.KEY
  await tinify.default.validate()
  await tinify.default.fromFile("in.jpg").toFile("out.jpg")
  assert.equal(tinify.default.compressionCount, 1)
  const shrunk = tinify.default.fromBuffer(fs.readFileSync("in.jpg")).result()
  assert.ok(await shrunk.size() < fs.statSync("in.jpg").size && await shrunk.mediaType() === "image/jpeg")
  const fetched = tinify.default.fromUrl(process.env.ORIGIN + "/photo.jpg").result()
  assert.equal(await fetched.width(), 256)
  const source = tinify.default.fromFile("graphic.png")
  for (const [options, width, height] of [
    [{method: "fit", width: 64, height: 64}, 64, 48], [{method: "scale", width: 32}, 32, 24],
    [{method: "cover", width: 40, height: 40}, 40, 40], [{method: "thumb", width: 50, height: 60}, 50, 60]]) {
    const made = source.resize(options).result()
    assert.deepEqual([await made.width(), await made.height()], [width, height], options.method)
  }
  assert.equal(await source.convert({type: "image/webp"}).result().extension(), "webp")
  const several = source.convert({type: ["image/webp", "image/png"]}).transform({background: "white"}).result()
  assert.ok(["webp", "png"].includes(await several.extension()))
  const kept = await tinify.default.fromFile("in.jpg").preserve("copyright", "creation", "location").toBuffer()
  assert.ok(Buffer.from(kept).includes("(c) Ada") && !Buffer.from(kept).includes("SecretCam"))
  const stored = source.store({service: "s3", aws_access_key_id: "id", aws_secret_access_key: "secret",
    region: "us-west-1", path: "bucket/node.png"})
  assert.equal(await stored.location(), process.env.S3 + "/bucket/node.png")
  await assert.rejects(tinify.default.fromBuffer("no picture").toBuffer(), tinify.default.ClientError)
  console.log("all done")
}
main().catch(error => { console.error(error); process.exit(1) })
"""

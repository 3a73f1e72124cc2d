"""Results into buckets: real emulators over HTTP, real folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from test_optimize import assert_error, post

from pictures import opened, photo, saved
from serving import Server, free_port

DATA = saved(photo(), "JPEG", quality=95)


def store(server: Server, **storage: Any) -> httpx.Response:
    return post(server, DATA, {"optimization": {"quality": 60}, "storage": storage})


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    url = f"http://{host}:{port}"
    httpx.put(f"{url}/photos").raise_for_status()
    yield url
    running.stop()


def s3_server(serve: Callable[..., Server], s3: str, **more: str) -> Server:
    return serve(
        AWS_ENDPOINT_URL=s3, AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_REGION="us-east-1", **more
    )


def test_s3_gets_the_object_and_the_caller_a_signed_link(serve: Callable[..., Server], s3: str) -> None:
    server = s3_server(serve, s3)
    answer = store(server, provider="s3", bucket="photos", path="/a/photo 1.jpg")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["success"] is True and body["message"] is None and body["storage"]["public_url"] is None
    assert body["original_size"] == len(DATA) and body["format"] == "jpeg" and body["method"] == "jpegli-trellis"
    link = urlsplit(body["storage"]["url"])
    signed = parse_qs(link.query)
    assert signed["X-Amz-Expires"] == ["3600"] and len(signed["X-Amz-Signature"][0]) == 64
    got = httpx.get(body["storage"]["url"])
    assert got.headers["content-type"] == "image/jpeg" and len(got.content) == body["optimized_size"]
    assert opened(got.content).size == photo().size
    assert "store;dur=" in answer.headers["server-timing"]


def test_the_links_signature_is_the_one_that_amazons_own_library_makes(serve: Callable[..., Server], s3: str) -> None:
    from datetime import datetime
    from unittest import mock

    from botocore import auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = store(s3_server(serve, s3), provider="s3", bucket="photos", path="a/b.jpg").json()["storage"]["url"]
    given = parse_qs(urlsplit(url).query)
    moment = datetime.strptime(given["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    request = AWSRequest("GET", url.partition("?")[0])
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
        auth.S3SigV4QueryAuth(Credentials("key", "secret"), "s3", "us-east-1", expires=3600).add_auth(request)
    assert parse_qs(urlsplit(request.url).query)["X-Amz-Signature"] == given["X-Amz-Signature"]


def test_public_objects_have_a_plain_url(serve: Callable[..., Server], s3: str) -> None:
    body = store(s3_server(serve, s3), provider="s3", bucket="photos", path="p.jpg", public=True).json()
    assert body["storage"]["public_url"] == f"{s3}/photos/p.jpg"
    # Amazon refuses an ACL that is not signed: who may read is the bucket policy's business.
    assert b"AllUsers" not in httpx.get(f"{s3}/photos/p.jpg?acl").content


def test_a_store_that_refuses_or_is_gone_is_502(serve: Callable[..., Server], s3: str) -> None:
    body = assert_error(
        store(s3_server(serve, s3), provider="s3", bucket="nowhere", path="x.jpg"), 502, "storage_failed"
    )
    assert "NoSuchBucket" not in body["message"]
    gone = s3_server(serve, f"http://127.0.0.1:{free_port()}")
    assert_error(store(gone, provider="s3", bucket="photos", path="x.jpg"), 502, "storage_failed")


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    port = free_port()
    running = create_server("127.0.0.1", port, in_memory=True, default_bucket="photos")
    running.start()
    yield f"http://127.0.0.1:{port}"
    running.stop()


def test_google_gets_the_object(serve: Callable[..., Server], gcs: str) -> None:
    server = serve(STORAGE_EMULATOR_HOST=gcs.removeprefix("http://"))
    body = store(server, provider="gcs", bucket="photos", path="/a/photo.jpg", project="my-project", public=True).json()
    got = httpx.get(body["storage"]["public_url"])
    assert got.headers["content-type"] == "image/jpeg" and len(got.content) == body["optimized_size"]
    assert body["storage"]["provider"] == "gcs" and body["storage"]["url"].startswith(gcs)


def test_googles_links_are_signed_with_the_service_accounts_key(
    serve: Callable[..., Server], gcs: str, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "type": "service_account", "client_email": "robot@example.iam.gserviceaccount.com", "private_key": pem,
        "private_key_id": "1", "client_id": "1", "token_uri": f"{gcs}/token",
    }  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    server = serve(STORAGE_EMULATOR_HOST=gcs, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "account.json"))
    answer = store(server, provider="gcs", bucket="photos", path="signed/photo.jpg")
    assert answer.status_code == 200, answer.text
    link = urlsplit(answer.json()["storage"]["url"])
    query = parse_qs(link.query)
    assert query["X-Goog-Expires"] == ["3600"]
    unsigned = link.query.rpartition("&X-Goog-Signature=")[0]
    # V4: the library signs for Google's public host, which is where signed links of Google lead.
    canonical = f"GET\n{link.path}\n{unsigned}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashes.Hash(hashes.SHA256())
    digest.update(canonical.encode())
    day = query["X-Goog-Date"][0][:8]
    text = "\n".join(
        ("GOOG4-RSA-SHA256", query["X-Goog-Date"][0], f"{day}/auto/storage/goog4_request", digest.finalize().hex())
    )
    signature = bytes.fromhex(query["X-Goog-Signature"][0])
    key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_files_are_written_below_their_root_only(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(STORAGE_FILE_ROOT=str(tmp_path / "root"))
    body = store(server, provider="file", bucket="photos", path="/a//./b.jpg").json()
    url = urlsplit(body["storage"]["url"])
    assert url.scheme == "file" and Path(unquote(url.path)) == tmp_path / "root" / "photos" / "a" / "b.jpg"
    assert opened(Path(unquote(url.path)).read_bytes()).size == photo().size
    for path in ("../x.jpg", "/../x.jpg", "a/../../x.jpg", "/", "", "a/", "x\0y", "x" * 2000, "..", "a\\..\\b", "a\nb"):
        assert_error(store(server, provider="file", bucket="photos", path=path), 400, "bad_request")
    for bucket in ("", "..", "../x", "a/b", "UP", "x", "a..b"):
        assert_error(store(server, provider="file", bucket=bucket, path="x.jpg"), 400, "bad_request")
    for path in ("%2e%2e/b", "a?b#c.png", "\u202ex", "名.jpg"):
        assert store(server, provider="file", bucket="photos", path=path).status_code == 200
    assert {item.name for item in tmp_path.iterdir()} == {"root"}


def test_bad_storage_words_are_400(server: Server) -> None:
    good = {"provider": "file", "bucket": "photos", "path": "x.jpg"}
    for wrong in (
        {"provider": "ftp"},
        {"provider": None},
        {"bucket": 5},
        {"path": None},
        {"public": "yes"},
        {"project": 5},
    ):
        assert_error(store(server, **{**good, **wrong}), 400, "bad_request")
    assert_error(post(server, DATA, {"storage": "file"}), 400, "bad_request")
    assert_error(store(server, **good), 403, "storage_forbidden")  # no root is set


def test_only_allowed_buckets_are_written_to(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(STORAGE_FILE_ROOT=str(tmp_path), STORAGE_ALLOWED_BUCKETS="photos, other")
    assert store(server, provider="file", bucket="photos", path="x.jpg").status_code == 200
    assert_error(store(server, provider="file", bucket="third", path="x.jpg"), 403, "storage_forbidden")


def test_each_key_writes_below_its_own_folder_where_that_is_wanted(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(STORAGE_FILE_ROOT=str(tmp_path), STORAGE_PREFIX_BY_KEY="true", API_KEY="house")
    other = server.pixlean("keys", "create", "--name", "other").strip()
    wish = {"storage": {"provider": "file", "bucket": "photos", "path": "/a/x.jpg"}}
    for key in ("house", other):
        assert post(server, DATA, wish, Authorization=f"Bearer {key}").status_code == 200
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("x.jpg"))
    assert len(written) == 2 and written[0] == "photos/api_key/a/x.jpg" and written[1].startswith("photos/key_")


def test_open_storage_is_warned_of_at_the_start(serve: Callable[..., Server], tmp_path: Path) -> None:
    for more, warned in (({}, True), ({"API_KEY": "k"}, False), ({"STORAGE_ALLOWED_BUCKETS": "photos"}, False)):
        with (tmp_path / "log").open("wb") as log:
            serve(log, STORAGE_FILE_ROOT=str(tmp_path), **more).stop()
        assert (b"storage can be written to by anybody" in (tmp_path / "log").read_bytes()) is warned

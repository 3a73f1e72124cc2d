"""Compressorize: jobs, links and webhooks over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import httpx
import pytest
import standardwebhooks

from databases import KINDS, postgresql
from node import node_folder, run_node
from origins import Origin
from pictures import exif, opened, photo, saved
from receivers import Receiver
from serving import Server

SMALL = saved(photo(), "JPEG", quality=95)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
HOOKS = {"WEBHOOK_ALLOW_HTTP": "true", "WEBHOOK_ALLOWED_NETS": "127.0.0.0/8", "WEBHOOK_BACKOFF_SECONDS": "0.2,0.2,0.2"}


@lru_cache(maxsize=1)
def large() -> bytes:
    """A JPEG of more than 2 MB that is quickly made smaller."""
    return SMALL + b"\0" * (2 << 20)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shop() -> Iterator[Server]:
    running = Server(
        WEBHOOK_SECRET=SECRET, COMPRESSORIZE_PAID_RPM="0", URL_FETCH_ALLOWED_NETS="127.0.0.0/8",
        PUBLIC_URL="https://pictures.example", **HOOKS,
    )  # fmt: skip
    yield running
    running.stop()


def send(
    server: Server, data: bytes = SMALL, key: str = "", headers: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    shown = {"Authorization": f"Bearer {key}"} if key else {}
    form = {name: str(value) for name, value in fields.items()}
    return server.client.post(
        "/api/v1/compress", files={"file": ("x.jpg", data)}, data=form, headers={**shown, **(headers or {})}
    )


def ended(server: Server, job_id: str, seconds: float = 30, **headers: str) -> dict[str, Any]:
    for _ in range(int(seconds / 0.05)):
        body = dict(server.client.get(f"/api/v1/status/{job_id}", headers=headers).json())
        if body["status"] != "processing":
            return body
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_a_large_picture_is_a_job_from_start_to_download(shop: Server) -> None:
    accepted = send(shop, large(), quality=60, format="webp")
    body = accepted.json()
    assert accepted.status_code == 202 and body["estimated_seconds"] >= 1
    done = ended(shop, body["id"])
    assert done["status"] == "complete" and done["format"] == "webp"
    assert done["original_size"] == len(large()) and done["dimensions"] == {"width": 256, "height": 192}
    assert done["download_url"] == f"/api/v1/download/{body['id']}"
    assert done["savings_percent"] == round(100 * (1 - done["compressed_size"] / len(large())))
    until = time.mktime(time.strptime(done["expires_at"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(until - time.time() - 86_400) < 60
    redirect = shop.client.get(done["download_url"])
    assert redirect.status_code == 302
    link = redirect.headers["location"]
    file = httpx.get(shop.url + link)
    assert file.headers["content-type"] == "image/webp" and len(file.content) == done["compressed_size"]
    assert file.headers["content-disposition"].startswith('attachment; filename="compressed.webp"')
    assert opened(file.content).size == (256, 192)


def test_links_know_ranges_and_heads_and_nothing_that_was_not_signed(shop: Server) -> None:
    job_id = send(shop, SMALL, quality=60).headers["x-job-id"]
    other = send(shop, SMALL, quality=50).headers["x-job-id"]
    link = shop.client.get(f"/api/v1/download/{job_id}").headers["location"]
    whole = httpx.get(shop.url + link).content
    head = httpx.head(shop.url + link)
    assert head.status_code == 200 and head.headers["content-length"] == str(len(whole)) and not head.content
    for asked, part in (
        ("bytes=0-9", whole[:10]),
        ("bytes=10-", whole[10:]),
        ("bytes=-5", whole[-5:]),
        ("bytes=0-9999999", whole),
    ):
        got = httpx.get(shop.url + link, headers={"Range": asked})
        assert got.status_code == 206 and got.content == part
        assert re.fullmatch(rf"bytes \d+-\d+/{len(whole)}", got.headers["content-range"])
    assert httpx.get(shop.url + link, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    expires = re.search(r"expires=(\d+)", link)
    assert expires is not None
    later = link.replace(expires[0], f"expires={int(expires[1]) + 1}")
    for wrong in (
        later,
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.replace(job_id, other),
        link.partition("?")[0],
    ):
        refused = httpx.get(shop.url + wrong)
        assert refused.status_code == 403 and refused.json()["error"]["code"] == "invalid_signature"


def test_a_link_that_has_ended_says_so(serve: Callable[..., Server]) -> None:
    import asyncio
    from pathlib import Path

    from pixlean.access.links import Links
    from pixlean.access.vault import Vault
    from pixlean.state.database import Database
    from pixlean.state.settings import Settings

    server = serve()
    job_id = send(server).headers["x-job-id"]

    async def expired() -> str:
        database = Database(Settings(folder=Path(server.data.name)))
        query = await Links(Vault(database)).query(job_id, "file", -1)
        await database.close()
        return query

    refused = server.client.get(f"/api/v1/files/{job_id}?{asyncio.run(expired())}")
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "link_expired"


def test_a_job_is_seen_by_its_key_only(serve: Callable[..., Server]) -> None:
    server = serve()
    owner, stranger = server.new_key("paid", "a"), server.new_key("paid", "b")
    job_id = send(server, key=owner).headers["x-job-id"]
    for path in ("status", "download"):
        seen = server.client.get(f"/api/v1/{path}/{job_id}", headers={"Authorization": f"Bearer {owner}"})
        assert seen.status_code in (200, 302)
        assert (
            server.client.get(f"/api/v1/{path}/{job_id}", headers={"Authorization": f"Bearer {stranger}"}).status_code
            == 404
        )
        assert server.client.get(f"/api/v1/{path}/{job_id}").status_code == 401


def test_a_broken_large_picture_fails_as_a_job(shop: Server, receiver: Receiver) -> None:
    job_id = send(shop, SMALL[:200] + b"\0" * (2 << 20), webhook_url=receiver.url).json()["id"]
    failed = ended(shop, job_id)
    assert (
        failed["status"] == "failed" and failed["error"]["code"] == "compression_failed" and failed["error"]["message"]
    )
    not_ready = shop.client.get(f"/api/v1/download/{job_id}")
    assert not_ready.status_code == 422 and not_ready.json()["error"]["code"] == "not_ready"
    told = delivered(receiver, 1)[0]
    assert json.loads(told.body) == failed


def delivered(receiver: Receiver, count: int, seconds: float = 20) -> list[Any]:
    for _ in range(int(seconds / 0.05)):
        if len(receiver.got) >= count:
            return receiver.got
        time.sleep(0.05)
    raise AssertionError(f"{len(receiver.got)} of {count} webhooks came")


def test_a_webhook_tells_of_the_end_and_can_be_verified(shop: Server, receiver: Receiver) -> None:
    job_id = send(shop, large(), quality=60, webhook_url=f"{receiver.url}/hook?x=1").json()["id"]
    told = delivered(receiver, 1)[0]
    assert told.path == "/hook?x=1" and told.headers["content-type"] == "application/json"
    body = json.loads(told.body)
    status = ended(shop, job_id)
    assert body == {**status, "download_url": f"https://pictures.example/api/v1/download/{job_id}"}
    assert told.headers["webhook-id"] == f"msg_{job_id}"
    assert standardwebhooks.Webhook(SECRET).verify(told.body, told.headers) == body
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(told.body + b" ", told.headers)
    digest = hmac.new(SECRET.encode(), told.body, hashlib.sha256).hexdigest()
    assert told.headers["x-compressorize-signature"] == digest


# The verification snippets of Compressorize's own documentation of its webhooks.
_SEED_PYTHON = """
import hmac, hashlib
expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
verified = hmac.compare_digest(expected, request.headers["X-Compressorize-Signature"])
"""
_SEED_NODE = """
const crypto = require("crypto")
const YOUR_WEBHOOK_SECRET = process.env.SECRET, body = Buffer.from(process.env.BODY, "base64"), signature = process.env.SIGNATURE
const expected = crypto.createHmac("sha256", YOUR_WEBHOOK_SECRET).update(body).digest("hex")
const verified = crypto.timingSafeEqual(Buffer.from(expected), Buffer.from(signature))
console.log(verified)
"""
# Ruby, PHP and Go compute the same: HMAC-SHA256 over the raw body by the whole secret, as lower-case hex.
_OPENSSL = ["openssl", "dgst", "-sha256", "-hmac"]


def test_the_snippets_of_the_documentation_verify_a_delivery(
    shop: Server, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    import subprocess
    from types import SimpleNamespace

    send(shop, large(), quality=60, webhook_url=receiver.url)
    told = delivered(receiver, 1)[0]
    signature = told.headers["x-compressorize-signature"]
    names: dict[str, Any] = {
        "secret": SECRET, "body": told.body,
        "request": SimpleNamespace(headers={"X-Compressorize-Signature": signature}),
    }  # fmt: skip
    exec(_SEED_PYTHON, names)
    assert names["verified"] is True
    folder = node_folder(request.config.cache)
    said = run_node(folder, _SEED_NODE, SECRET=SECRET, BODY=base64.b64encode(told.body).decode(), SIGNATURE=signature)
    assert said.strip() == "true"
    if shutil.which("openssl"):
        other = subprocess.run([*_OPENSSL, SECRET], input=told.body, capture_output=True, check=True).stdout.decode()
        assert other.strip().endswith(signature) and re.fullmatch("[0-9a-f]{64}", signature)


def test_a_webhook_is_repeated_with_the_same_body_and_then_given_up(shop: Server, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 404, 503]
    job_id = send(shop, large(), quality=60, webhook_url=receiver.url).json()["id"]
    told = delivered(receiver, 4)
    assert len({one.body for one in told}) == 1 and len({one.headers["webhook-id"] for one in told}) == 1
    assert all(one.path == "/" for one in told), "a redirect was followed"
    for one in told:
        standardwebhooks.Webhook(SECRET).verify(one.body, one.headers)
    for _ in range(100):
        listed = json.loads(shop.pixlean("webhooks", "list", "--failed", "--json"))["webhooks"]
        if any(row["id"] == f"msg_{job_id}" for row in listed):
            break
        time.sleep(0.1)
    (row,) = [row for row in listed if row["id"] == f"msg_{job_id}"]
    assert row["attempts"] == 4 and row["problem"] == "the receiver answered 503"
    shop.pixlean("webhooks", "replay", f"msg_{job_id}")
    again = delivered(receiver, 5)[4]
    assert again.body == told[0].body
    metrics = shop.client.get("/metrics").text
    assert re.search(r"pixlean_webhook_failures_total [1-9]", metrics) and "pixlean_jobs_oldest_seconds" in metrics


def test_a_key_may_have_a_secret_of_its_own(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve(WEBHOOK_SECRET="the servers own", **HOOKS)
    made = json.loads(server.pixlean("keys", "create", "--name", "a", "--plan", "paid", "--webhook-secret", "--json"))
    time.sleep(1.1)
    send(server, large(), key=made["key"], quality=60, webhook_url=receiver.url)
    told = delivered(receiver, 1)[0]
    standardwebhooks.Webhook(made["webhook_secret"]).verify(told.body, told.headers)
    assert made["webhook_secret"] not in server.pixlean("keys", "list", "--json")


def test_an_idempotency_key_returns_the_first_answer(shop: Server) -> None:
    same = {"Idempotency-Key": "order-1"}
    first, again = (send(shop, quality=60, headers=same) for _ in range(2))
    assert first.headers["x-job-id"] == again.headers["x-job-id"] and first.content == again.content
    other = {"Idempotency-Key": "order-2"}
    job, again = (send(shop, large(), quality=60, headers=other).json() for _ in range(2))
    assert job == again and ended(shop, job["id"])["status"] == "complete"
    assert send(shop, large(), quality=60, headers=other).json() == job
    assert send(shop, headers={"Idempotency-Key": "x" * 300}).status_code == 400


def test_urls_are_fetched_also_by_http(shop: Server) -> None:
    origin = Origin({"/small.jpg": SMALL, "/large.jpg": large()})
    small = shop.client.post(
        "/api/v1/compress", json={"url": f"{origin.url}/small.jpg", "quality": 60, "format": "webp"}
    )
    assert small.status_code == 200 and small.headers["x-format"] == "webp"
    job = shop.client.post("/api/v1/compress", data={"url": f"{origin.url}/large.jpg", "quality": "60"})
    assert job.status_code == 202 and ended(shop, job.json()["id"])["status"] == "complete"
    missing = shop.client.post("/api/v1/compress", json={"url": f"{origin.url}/missing.jpg"})
    assert missing.status_code == 422 and missing.json()["error"]["code"] == "fetch_failed"
    origin.stop()


def test_metadata_goes_and_the_picture_stays_upright(shop: Server) -> None:
    turned = saved(photo(), "JPEG", quality=95, exif=exif(6))
    made = send(shop, turned, format="webp")
    assert opened(made.content).size == (192, 256) and b"SecretCam" not in made.content


def test_the_minute_ends_and_the_answer_says_when_it_begins_again(serve: Callable[..., Server]) -> None:
    server = serve(COMPRESSORIZE_FREE_RPM="2", COMPRESSORIZE_PAID_RPM="3")
    free, paid = server.new_key("free", "a"), server.new_key("payg", "b")
    for key, allowed in ((free, 2), (paid, 3)):
        answers = [send(server, key=key, quality=60) for _ in range(allowed + 1)]
        assert [answer.status_code for answer in answers] == [200] * allowed + [429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:-1]] == [str(n) for n in range(allowed)][
            ::-1
        ]
        error = answers[-1].json()["error"]
        assert error["code"] == "rate_limit_exceeded" and re.search(r"resets at \d{4}-\d\d-\d\dT", error["message"])
        assert answers[-1].headers["retry-after"] and answers[-1].headers["x-ratelimit-reset"]
        # Polls do not count.
        for _ in range(5):
            job_id = answers[0].headers["x-job-id"]
            assert (
                server.client.get(f"/api/v1/status/{job_id}", headers={"Authorization": f"Bearer {key}"}).status_code
                == 200
            )


def test_a_restart_and_a_kill_lose_no_accepted_job(serve: Callable[..., Server], receiver: Receiver) -> None:
    server = serve(COMPRESSORIZE_PAID_RPM="0", WEBHOOK_SECRET=SECRET, COMPRESSION_SEMAPHORE_SIZE="1", **HOOKS)
    accepted = []
    for number in range(6):
        accepted.append(
            send(server, large(), quality=50 + number, format="avif", webhook_url=receiver.url).json()["id"]
        )
        if number % 2:
            server.kill()
            server.start()
    server.process.terminate()
    assert server.process.wait(40) == 0
    server.start()
    for job_id in accepted:
        assert ended(server, job_id, 60)["status"] == "complete", ended(server, job_id)
    told = {json.loads(one.body)["id"] for one in delivered(receiver, len(accepted), 60)}
    assert told == set(accepted)


def test_a_disk_that_is_full_refuses_before_it_accepts(serve: Callable[..., Server]) -> None:
    from pathlib import Path

    server = serve()
    send(server, large(), quality=60)
    objects = Path(server.data.name) / "objects"
    for _ in range(50):
        if not server.client.get("/metrics").text.count("pixlean_jobs_working 1"):
            break
        time.sleep(0.1)
    # A file where a folder must be: the store can take nothing, as on a full disk.
    shutil.rmtree(objects / "jobs")
    (objects / "jobs").write_text("")
    refused = send(server, large(), quality=61)
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "service_unavailable"
    assert refused.headers["retry-after"]
    (objects / "jobs").unlink()
    assert ended(server, send(server, large(), quality=61).json()["id"])["status"] == "complete"


@pytest.mark.parametrize("kind", KINDS[1:])
def test_workers_do_the_jobs_of_a_server_that_does_none(
    serve: Callable[..., Server], kind: str, receiver: Receiver
) -> None:
    import subprocess
    import sys

    with postgresql() as url:
        server = serve(role="api", DATABASE_URL=url, WEBHOOK_SECRET=SECRET, COMPRESSORIZE_PAID_RPM="0", **HOOKS)
        waiting = send(server, large(), quality=60, webhook_url=receiver.url).json()["id"]
        time.sleep(1.5)
        assert server.client.get(f"/api/v1/status/{waiting}").json()["status"] == "processing"
        workers = [
            subprocess.Popen([sys.executable, "-m", "pixlean.cli", "worker"], env=server.environment) for _ in range(2)
        ]
        jobs = [send(server, large(), quality=61 + n, webhook_url=receiver.url).json()["id"] for n in range(6)]
        for job_id in (waiting, *jobs):
            assert ended(server, job_id, 60)["status"] == "complete", ended(server, job_id)
        workers[0].kill()
        more = [send(server, large(), quality=70 + n, webhook_url=receiver.url).json()["id"] for n in range(4)]
        for job_id in more:
            assert ended(server, job_id, 60)["status"] == "complete", ended(server, job_id)
        try:
            told = {json.loads(one.body)["id"] for one in delivered(receiver, 11, 60)}
        except AssertionError as error:
            raise AssertionError(server.pixlean("webhooks", "list", "--json")) from error
        assert told == {waiting, *jobs, *more}
        workers[1].terminate()
        assert workers[1].wait(40) == 0
        server.stop()


def test_a_worker_without_a_database_says_what_it_needs(server: Server) -> None:
    with pytest.raises(AssertionError, match="DATABASE_URL"):
        server.pixlean("worker")
    with pytest.raises(AssertionError, match="DATABASE_URL"):
        server.pixlean("serve", "--role", "api")


@pytest.fixture
def own_bucket() -> Iterator[dict[str, str]]:
    """Settings of a server whose objects lie in a bucket that it shares with nobody."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    httpx.put(f"http://{host}:{port}/own").raise_for_status()
    yield {
        "STORAGE_URL": "s3://own/pixlean", "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    running.stop()


def test_inputs_and_results_may_lie_in_a_bucket(serve: Callable[..., Server], own_bucket: dict[str, str]) -> None:
    server = serve(**own_bucket)
    job_id = send(server, large(), quality=60).json()["id"]
    done = ended(server, job_id)
    assert server.client.get(done["download_url"]).headers["location"].startswith("/api/v1/files/")
    file = server.client.get(done["download_url"], follow_redirects=True)
    assert file.status_code == 200 and len(file.content) == done["compressed_size"]
    location = server.client.post("/shrink", content=SMALL).headers["location"]
    assert server.client.get(location).status_code == 200


def test_a_bucket_that_is_away_is_told_as_such(serve: Callable[..., Server], own_bucket: dict[str, str]) -> None:
    server = serve(**own_bucket | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert send(server, large(), quality=61).status_code == 503


def test_the_bucket_itself_may_hand_out_results(serve: Callable[..., Server], own_bucket: dict[str, str]) -> None:
    server = serve(**own_bucket, STORAGE_LINKS="store")
    accepted = send(server, large(), quality=60, format="webp")
    assert accepted.status_code == 202, accepted.text
    done = ended(server, accepted.json()["id"])
    link = server.client.get(done["download_url"]).headers["location"]
    assert link.startswith(own_bucket["AWS_ENDPOINT_URL"]) and "X-Amz-Expires=3600" in link and "Signature=" in link
    file = httpx.get(link)
    assert len(file.content) == done["compressed_size"] and file.headers["content-type"] == "image/webp"
    assert file.headers["content-disposition"] == 'attachment; filename="compressed.webp"'
    shown = server.client.post(
        "/api/tasks/visual/imgcompress", files={"image_file": ("a.jpg", SMALL)}, data={"sync": "1"}
    ).json()["data"]
    assert shown["image"].startswith(own_bucket["AWS_ENDPOINT_URL"]) and httpx.get(shown["image"]).status_code == 200


def test_a_database_that_drops_its_connections_loses_no_job(serve: Callable[..., Server], receiver: Receiver) -> None:
    import asyncio

    import asyncpg

    async def cut(url: str) -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await connection.execute(own)
        await connection.close()

    with postgresql() as url:
        server = serve(DATABASE_URL=url, WEBHOOK_SECRET=SECRET, COMPRESSORIZE_PAID_RPM="0", **HOOKS)
        accepted = []
        for number in range(8):
            answer = send(server, large(), quality=60 + number, webhook_url=receiver.url)
            if answer.status_code == 202:
                accepted.append(answer.json()["id"])
            else:
                assert answer.status_code == 503, answer.text
            if number % 2:
                asyncio.run(cut(url))
                time.sleep(0.3)
        assert accepted
        for job_id in accepted:
            for _ in range(300):
                answer = server.client.get(f"/api/v1/status/{job_id}")
                if answer.status_code == 200 and answer.json()["status"] != "processing":
                    break
                time.sleep(0.1)
            assert answer.json()["status"] == "complete"
        told = {json.loads(one.body)["id"] for one in delivered(receiver, len(accepted), 40)}
        assert told >= set(accepted)
        server.stop()


def test_what_a_client_puts_into_a_path_is_no_label(shop: Server) -> None:
    for job_id in ("a", "1", "p", "status", "0" * 32):
        assert shop.client.get(f"/api/v1/status/{job_id}").status_code == 404
    text = shop.client.get("/metrics").text
    routes = {line.partition('route="')[2].partition('"')[0] for line in text.splitlines() if "/status" in line}
    assert routes == {"/api/v1/status/{job_id}"}

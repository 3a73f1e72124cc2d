"""``POST /optimize`` row by row."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pictures import FORMATS, SVG, every_format, opened, photo, saved
from serving import Server

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def post(server: Server, data: bytes, options: Any = None, **headers: str) -> httpx.Response:
    form = {} if options is None else {"options": options if isinstance(options, str) else json.dumps(options)}
    return server.client.post("/optimize", files={"file": ("photo", data)}, data=form, headers=headers)


def assert_error(response: httpx.Response, status: int, word: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["success"] is False and body["error"] == word and body["message"]
    assert UUID.fullmatch(response.headers["x-request-id"])
    assert response.headers["content-type"] == "application/json"
    return dict(body)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_back_smaller_with_every_header(server: Server, name: str) -> None:
    data = every_format()[name]
    response = post(server, data, {"optimization": {"quality": 40}})
    assert response.status_code == 200, response.text
    headers = response.headers
    assert headers["x-original-size"] == str(len(data))
    assert headers["x-optimized-size"] == headers["content-length"] == str(len(response.content))
    assert headers["x-reduction-percent"] == f"{100 * (1 - len(response.content) / len(data)):.1f}"
    assert headers["x-original-format"] == headers["x-output-format"] == name
    assert headers["x-optimization-method"] != "none"
    assert headers["content-type"].startswith("image/")
    assert UUID.fullmatch(headers["x-request-id"])
    assert re.search("(encode|cache);dur=", headers["server-timing"])


def test_the_server_and_the_library_make_the_same_bytes(server: Server) -> None:
    import pixlean

    data = saved(photo(), "JPEG", quality=95)
    assert post(server, data, {"optimization": {"quality": 60}}).content == pixlean.compress(data, quality=60).data


def test_what_can_not_shrink_comes_back_as_it_came(server: Server) -> None:
    once = post(server, saved(photo(), "JPEG", quality=95), {"optimization": {"quality": 60}}).content
    again = post(server, once, {"optimization": {"quality": 60}})
    assert again.headers["x-optimization-method"] == "none" and again.content == once
    assert again.headers["x-reduction-percent"] == "0.0"


def test_an_inbound_request_id_is_kept_only_if_it_is_a_uuid(server: Server) -> None:
    mine = str(uuid.uuid4())
    assert server.client.get("/health", headers={"X-Request-ID": mine}).headers["x-request-id"] == mine
    for bad in ("x", "a" * 5000, mine + "0"):
        assert UUID.fullmatch(server.client.get("/", headers={"X-Request-ID": bad}).headers["x-request-id"])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"optimization": {"quality": 0}}, "quality"),
        ({"optimization": {"quality": 101}}, "quality"),
        ({"optimization": {"quality": "60"}}, "quality"),
        ({"optimization": {"quality": True}}, "quality"),
        ({"optimization": {"quality": 60.5}}, "quality"),
        ({"optimization": {"quality": None}}, "quality"),
        ({"optimization": {"strip_metadata": "yes"}}, "strip_metadata"),
        ({"optimization": {"progressive_jpeg": 1}}, "progressive_jpeg"),
        ({"optimization": {"png_lossy": None}}, "png_lossy"),
        ({"optimization": {"max_reduction": 101}}, "max_reduction"),
        ({"optimization": {"max_reduction": "5"}}, "max_reduction"),
        ({"optimization": []}, "optimization"),
        ("[]", "options"),
        ("{", "options"),
        ('{"optimization": {"quality": NaN}}', "options"),
        ("[" * 100_000, "options"),
        ('{"optimization": {"quality": ' + "9" * 5000 + "}}", "options"),
    ],
)
def test_a_bad_option_is_400_and_names_the_field(server: Server, options: Any, field: str) -> None:
    assert field in assert_error(post(server, SVG, options), 400, "bad_request")["message"]


def test_unknown_fields_are_ignored(server: Server) -> None:
    assert post(server, SVG, {"optimization": {"quality": 60, "sparkle": 1}, "x": {}}).status_code == 200


def test_the_rows_of_the_error_table(server: Server) -> None:
    client = server.client
    assert_error(client.post("/optimize", data={"options": "{}"}, files={"x": b""}), 400, "bad_request")
    assert_error(post(server, b""), 400, "bad_request")
    assert_error(client.post("/optimize", content=b"x", headers={"content-type": "text/plain"}), 400, "bad_request")
    assert_error(client.post("/optimize", json={"nothing": 1}), 400, "bad_request")
    assert_error(post(server, b"no picture at all"), 415, "unsupported_format")
    broken = saved(photo(), "JPEG")
    assert_error(post(server, broken[: len(broken) // 2]), 422, "optimization_failed")
    assert_error(client.get("/nowhere"), 404, "not_found")
    assert_error(client.get("/optimize"), 405, "method_not_allowed")
    assert_error(client.post("/health"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + SVG,
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + SVG + b"\r\n--b\r\n",
        b"no boundary here",
        b"",
        b"--b\r\nnonsense\r\n\r\nx\r\n--b--\r\n",
    ],
)
def test_a_malformed_multipart_body_is_400(server: Server, body: bytes) -> None:
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert_error(server.client.post("/optimize", content=body, headers=kind), 400, "bad_request")
    kind = {"content-type": "multipart/form-data"}
    assert_error(server.client.post("/optimize", content=body, headers=kind), 400, "bad_request")


def test_two_files_are_refused(server: Server) -> None:
    files = [("file", ("a", SVG)), ("file", ("b", SVG))]
    assert_error(server.client.post("/optimize", files=files), 400, "bad_request")


def test_health_names_tools_layers_and_version(server: Server) -> None:
    body = server.client.get("/health").json()
    assert set(body["tools"]) == {
        "pngquant", "jpegtran", "gifsicle", "cwebp", "oxipng", "pillow_heif", "scour", "pillow", "jxl_plugin",
    }  # fmt: skip
    assert body["status"] == ("ok" if all(body["tools"].values()) else "degraded")
    assert body["version"] and set(body["sandbox"]) >= {"landlock", "seccomp", "rlimits"}
    assert server.client.get("/health/ready").json() == {"status": "ready"}
    assert server.client.get("/").status_code == 200


def test_cors_is_there_on_errors_too(server: Server) -> None:
    response = post(server, b"no picture", Origin="https://site.example")
    assert response.status_code == 415 and response.headers["access-control-allow-origin"] == "*"


def test_with_a_key_only_the_key_opens_optimize(serve: Callable[..., Server]) -> None:
    server = serve(API_KEY="my-key")
    assert server.client.get("/health").status_code == server.client.get("/").status_code == 200
    for header in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "my-key"},
        {"Authorization": "Basic my-key"},
    ):
        assert_error(post(server, SVG, **header), 401, "unauthorized")
    assert post(server, SVG, Authorization="Bearer my-key").status_code == 200


def test_limits_are_413_and_name_the_limit(serve: Callable[..., Server]) -> None:
    server = serve(MAX_FILE_SIZE_MB="1", MAX_IMAGE_PIXELS="10000")
    body = assert_error(post(server, saved(photo(), "PNG")), 413, "image_too_large")
    assert "10000" in body["message"]
    body = assert_error(post(server, b"\x89PNG" * 600_000), 413, "file_too_large")
    assert body["limit"] == 1 << 20 and body["file_size"] > 1 << 20

    # What was declared is told, else what had come; and the limit is the one that was met.
    answer = post(server, b"\x89PNG" * (1 << 18) + b"x")
    assert answer.json()["file_size"] == int(answer.request.headers["content-length"]) > answer.json()["limit"]
    raw = server.client.post("/shrink", content=b"x" * (2 << 20))
    assert raw.status_code == 413
    long = server.client.post("/optimize", json={"url": "x" * (2 << 20)})
    assert_error(long, 413, "file_too_large")
    assert long.json()["file_size"] == int(long.request.headers["content-length"]) > long.json()["limit"] == 1 << 20

    def endless() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(64):
            yield b"x" * (1 << 20)

    kind = {"content-type": "multipart/form-data; boundary=b"}
    try:
        response = server.client.post("/optimize", content=endless(), headers=kind)
        told = assert_error(response, 413, "file_too_large")
        assert told["limit"] < told["file_size"] < 4 << 20
    except httpx.WriteError:
        pass  # the server hung up while we were still sending
    assert server.client.get("/health").status_code == 200


def test_fields_that_are_not_read_are_named_with_their_place(server: Server) -> None:
    def warned(path: str = "/optimize", **form: str) -> str:
        answer = server.client.post(path, files={"file": SVG}, data=form)
        assert answer.status_code == 200
        return answer.headers.get("x-pixlean-warning", "")

    assert warned() == warned(options='{"optimization": {"quality": 50}}') == warned("/estimate", preset="high") == ""
    assert (
        warned(quality="50")
        == "'quality' was ignored: it belongs into 'options', as {\"optimization\": {\"quality\": ...}}"
    )
    assert "'storage', " not in warned(bucket="b") and '{"storage": {"bucket": ...}}' in warned(bucket="b")
    assert warned(options='{"quality": 50}') == "'quality' was ignored: it belongs into 'optimization'"
    assert "'optimization.qualty' was ignored" in warned(options='{"optimization": {"qualty": 50}}')
    assert (
        warned("/estimate", quality="50") == "'quality' was ignored: it belongs into 'options', as {\"quality\": ...}"
    )
    assert warned("/estimate", options='{"quality": 50}') == ""
    many = warned(**{f"f{number}\u00e9": "x" for number in range(9)})
    assert "'f0?' was ignored: it is not known here" in many and many.endswith("and 4 more")


@pytest.mark.slow
def test_what_the_end_of_the_server_cuts_off_is_503_in_the_dialects_words(serve: Callable[..., Server]) -> None:
    server = serve(BODY_TOTAL_SECONDS="100", BODY_STALL_SECONDS="100")
    asked = {}
    for path in ("/optimize", "/api/compress", "/shrink", "/v1/compress"):
        asked[path] = line = socket.create_connection(("127.0.0.1", server.port), 60)
        kind = "multipart/form-data; boundary=b"
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 5000\r\n\r\n--b\r\n".encode()
        )
    time.sleep(0.5)
    server.process.terminate()
    for path, line in asked.items():
        told = b"".join(iter(lambda line=line: line.recv(65536), b"")).decode()  # type: ignore[misc]
        assert told.startswith("HTTP/1.1 503") and "retry-after: 5" in told.lower() and "shutting down" in told, (
            path,
            told,
        )
    assert server.process.wait(20) == 0


def test_a_body_that_stalls_is_cut(serve: Callable[..., Server]) -> None:
    server = serve(BODY_STALL_SECONDS="1")
    with socket.create_connection(("127.0.0.1", server.port), 10) as line:
        line.sendall(
            b"POST /optimize HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 5000\r\n\r\n--b\r\n"
        )
        line.settimeout(10)
        assert line.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_full_queue_answers_503_at_once(serve: Callable[..., Server]) -> None:
    server = serve(COMPRESSION_SEMAPHORE_SIZE="1", MAX_QUEUE_DEPTH="1", CACHE_MAX_MB="0")  # no twins
    large = saved(photo().resize((1600, 1200)), "PNG", compress_level=1)
    seen: list[httpx.Response] = []

    def one() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            seen.append(client.post("/optimize", files={"file": large}))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [response for response in seen if response.status_code == 503]
    assert refused and {response.status_code for response in seen} == {200, 503}
    assert_error(refused[0], 503, "service_overloaded")
    assert int(refused[0].headers["retry-after"]) >= 1


def test_sigterm_lets_the_running_request_finish(serve: Callable[..., Server]) -> None:
    server = serve()
    large = saved(photo().resize((1600, 1200)), "PNG", compress_level=1)
    seen: list[httpx.Response] = []
    thread = threading.Thread(
        target=lambda: seen.append(httpx.post(f"{server.url}/optimize", files={"file": large}, timeout=60))
    )
    thread.start()
    time.sleep(0.6)
    assert server.stop() == 0
    thread.join()
    assert seen[0].status_code == 200 and opened(seen[0].content).size == (1600, 1200)


def test_a_client_that_goes_away_frees_its_place(serve: Callable[..., Server]) -> None:
    server = serve(COMPRESSION_SEMAPHORE_SIZE="1", MAX_QUEUE_DEPTH="1", CACHE_MAX_MB="0")  # no twins
    large = saved(photo().resize((2400, 1800)), "PNG", compress_level=1)
    for _ in range(4):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/optimize", files={"file": large}, timeout=httpx.Timeout(0.3, write=10))
    started = time.monotonic()
    assert post(server, SVG).status_code == 200
    assert time.monotonic() - started < 5


def exchange(server: Server, sent: bytes, *, answers: int = 1) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), 10) as line:
        line.sendall(sent)
        line.settimeout(30)
        answer = b""
        while not (answer.endswith(b"}") and answer.count(b"HTTP/1.1 ") >= answers):
            part = line.recv(65536)
            if not part:
                break
            answer += part
        return answer


def test_what_is_no_http_gets_json_too(server: Server) -> None:
    answer = exchange(server, b"GARBAGE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400") and b'"error":"bad_request"' in answer and b"X-Request-ID" in answer


def test_ten_thousand_headers_are_refused(server: Server) -> None:
    crowd = b"".join(b"X-%d: y\r\n" % number for number in range(10_000))
    assert exchange(server, b"GET /health HTTP/1.1\r\nHost: x\r\n" + crowd + b"\r\n").startswith(b"HTTP/1.1 431")


def test_a_head_that_never_ends_is_cut(server: Server) -> None:
    started = time.monotonic()
    assert exchange(server, b"GET /health HTTP/1.1\r\nHost: x\r\n") == b""
    assert time.monotonic() - started < 20


def test_a_path_with_a_slash_too_many_is_404_in_json(server: Server) -> None:
    assert_error(server.client.get("/health/"), 404, "not_found")

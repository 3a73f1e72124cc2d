"""The Feather dialect, row by row."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import pixlean
from pictures import SVG, every_format, exif, opened, photo, saved, with_alpha
from serving import Server, free_port

DATA = saved(photo(), "JPEG", quality=95)


@pytest.fixture(scope="module")
def feather() -> Iterator[Server]:
    running = Server(RATE_LIMIT_PER_MINUTE="0")
    yield running
    running.stop()


def send(
    server: Server, path: str = "/api/compress", data: bytes = DATA, name: str = "photo.jpg", kind: str = "image/jpeg",
    accept: str = "*/*", **fields: object,
) -> httpx.Response:  # fmt: skip
    form = {key: str(value) for key, value in fields.items()}
    return server.client.post(path, files={"file": (name, data, kind)}, data=form, headers={"Accept": accept})


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code and error["message"]


def test_health_and_formats(feather: Server) -> None:
    body = feather.client.get("/api/health").json()
    assert body["ok"] is True and body["version"] and body["env"] == "production"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert feather.client.get("/api/formats").json() == {
        "input": ["jpeg", "jpg", "png", "webp", "avif", "svg", "heic", "heif", "tiff", "gif", "bmp"],
        "output": ["jpeg", "png", "webp", "avif"],
    }


def test_every_header_of_the_table(feather: Server) -> None:
    answer = send(feather, maxWidth=100)
    headers = answer.headers
    assert answer.status_code == 200 and headers["content-type"] == "image/webp"
    assert (
        headers["content-disposition"]
        == "attachment; filename=\"photo-compressed.webp\"; filename*=UTF-8''photo-compressed.webp"
    )
    assert headers["x-original-bytes"] == str(len(DATA)) and headers["x-output-bytes"] == str(len(answer.content))
    assert headers["x-output-quality"] == "80" and headers["x-resized"] == "true" and headers["x-target-met"] == "true"
    assert (headers["x-output-width"], headers["x-output-height"]) == ("100", "75")
    assert headers["x-compression-ratio"] == f"{len(DATA) / len(answer.content):.2f}"
    assert int(headers["x-processing-time-ms"]) >= 0 and int(headers["x-iterations"]) >= 1
    assert opened(answer.content).size == (100, 75)


@pytest.mark.parametrize("target", ["jpeg", "png", "webp", "avif"])
def test_both_endpoints_convert(feather: Server, target: str) -> None:
    for path in ("/api/compress", "/api/convert"):
        answer = send(feather, path, outputFormat=target, targetMB=0.00001 if "convert" in path else "")
        assert answer.headers["content-type"] == f"image/{target}" and answer.headers["x-target-met"] == "true"
        assert opened(answer.content).size == (256, 192)


def test_auto_is_webp_and_avif_only_where_it_is_named(feather: Server) -> None:
    plain = send(feather)
    assert plain.headers["content-type"] == "image/webp" and "Accept" in plain.headers["vary"]
    named = send(feather, accept="image/avif,image/webp,*/*")
    assert named.headers["content-type"] in ("image/avif", "image/webp")
    # A point of SSIMULACRA2 is 4.5 % of the bytes: at the same look the choice must not have cost any.
    better = pixlean.score(DATA, named.content) - pixlean.score(DATA, plain.content)
    assert len(named.content) <= 1.05 * len(plain.content) * 1.045**better
    assert "Accept" not in send(feather, outputFormat="webp").headers.get("vary", "")


@pytest.mark.parametrize("name", ["png", "apng", "jpeg", "webp", "gif", "svg", "avif", "heic", "tiff", "bmp"])
def test_every_input_is_read(feather: Server, name: str) -> None:
    ending = {"apng": "png"}.get(name, name)
    answer = send(feather, data=every_format()[name], name=f"x.{ending}", kind="", outputFormat="png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"


def test_edits_reach_the_picture(feather: Server) -> None:
    turned = send(feather, data=saved(photo(), "JPEG", quality=95, exif=exif(6)), outputFormat="png")
    assert opened(turned.content).size == (192, 256)
    cut = send(feather, cropX=10, cropY=10, cropWidth=50, cropHeight=40, outputFormat="png")
    assert opened(cut.content).size == (50, 40)
    grey = opened(send(feather, grayscale="true", outputFormat="png").content).convert("RGB")
    assert all(len(set(pixel)) == 1 for pixel in list(grey.getdata())[::97])
    white = opened(send(feather, rotate=45, outputFormat="jpeg").content)
    assert min(white.getpixel((1, 1))) > 245
    clear = opened(send(feather, rotate=45, outputFormat="webp").content)
    assert clear.convert("RGBA").getpixel((0, 0))[3] == 0
    assert opened(send(feather, flip="on", flop="1", blur=2, sharpen="true", brightness=1.2, saturation=0.5, contrast=1.1,
                       effort=1, progressive="true", outputFormat="jpeg").content).size == (256, 192)  # fmt: skip
    assert (
        "exif"
        in opened(
            send(feather, data=saved(photo(), "JPEG", exif=exif(1)), stripMetadata="false", outputFormat="jpeg").content
        ).info
    )


def test_a_target_is_met_or_said_to_be_missed(feather: Server) -> None:
    met = send(feather, targetMB=0.004)
    assert met.headers["x-target-met"] == "true" and 0.9 * 4194 <= len(met.content) <= 4194
    missed = send(feather, targetMB=0.00001)
    assert missed.status_code == 200 and missed.headers["x-target-met"] == "false"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quality", 0), ("quality", 101), ("quality", "x"), ("quality", "1e3"), ("maxWidth", 0), ("maxHeight", -5),
        ("targetMB", 0), ("targetMB", "nan"), ("targetMB", -1), ("mode", "fast"), ("effort", 10), ("rotate", 361),
        ("brightness", 0), ("brightness", 3.1), ("saturation", -0.1), ("contrast", 0.05), ("blur", 11), ("blur", "inf"),
        ("flip", "maybe"), ("outputFormat", "gif"), ("cropWidth", 10), ("cropX", -1),
    ],
)  # fmt: skip
def test_a_bad_field_is_400_and_named(feather: Server, field: str, value: object) -> None:
    answer = send(feather, **{field: value})
    assert_error(answer, 400, "INVALID_INPUT")
    assert field in answer.json()["error"]["message"] or field.startswith("crop")


def test_the_rows_of_the_error_table(feather: Server, serve: Callable[..., Server]) -> None:
    assert_error(feather.client.post("/api/compress", data={"quality": "80"}), 400, "INVALID_INPUT")
    assert_error(feather.client.post("/api/compress", files={"other": ("x.png", DATA)}), 400, "INVALID_INPUT")
    assert_error(send(feather, cropX=0, cropY=0, cropWidth=9999, cropHeight=5), 400, "INVALID_INPUT")
    assert_error(send(feather, "/api/convert"), 400, "INVALID_INPUT")
    assert_error(send(feather, "/api/convert", outputFormat="auto"), 400, "INVALID_INPUT")
    assert_error(send(feather, name="x.txt"), 415, "UNSUPPORTED_FORMAT")
    assert_error(send(feather, kind="text/plain"), 415, "UNSUPPORTED_FORMAT")
    assert_error(send(feather, data=every_format()["jxl"], name="x.jxl", kind="image/jxl"), 415, "UNSUPPORTED_FORMAT")
    assert_error(send(feather, data=b"not an image"), 422, "INVALID_IMAGE")
    assert_error(send(feather, data=DATA[:3000]), 422, "INVALID_IMAGE")
    assert_error(feather.client.get("/api/compress"), 405, "METHOD_NOT_ALLOWED")
    assert_error(feather.client.get("/api/nothing"), 404, "NOT_FOUND")
    strict = serve(MAX_UPLOAD_MB="0.01", MAX_PIXELS="10000", API_KEY="k")
    assert_error(send(strict), 413, "FILE_TOO_LARGE")
    assert_error(send(strict, data=saved(photo().resize((200, 200)), "JPEG", quality=20)), 422, "TOO_MANY_PIXELS")
    assert_error(send(serve(REQUEST_TIMEOUT_MS="1")), 504, "TIMEOUT")


def test_one_address_has_so_many_requests_a_minute(serve: Callable[..., Server]) -> None:
    server = serve(RATE_LIMIT_PER_MINUTE="2", CORS_ORIGINS="https://a.example")
    first = send(server)
    assert first.headers["x-ratelimit-limit"] == "2" and first.headers["x-ratelimit-remaining"] == "1"
    assert abs(int(first.headers["x-ratelimit-reset"]) - time.time() - 60) < 5
    send(server)
    refused = send(server)
    assert_error(refused, 429, "RATE_LIMIT_EXCEEDED")
    assert 0 < int(refused.headers["retry-after"]) <= 60 and refused.headers["x-ratelimit-remaining"] == "0"
    assert server.client.get("/api/health").status_code == 200
    assert server.client.post("/optimize", files={"file": ("x", DATA)}).status_code == 200  # another dialect's business
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allowed = server.client.options("/api/compress", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    other = server.client.get("/api/health", headers={"Origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", 'a"b.png', "名前.png", "x" * 300 + ".png", "a%22.jpg", ".png", "a;b.png"]
)
def test_a_file_name_can_not_leave_its_header(feather: Server, name: str) -> None:
    header = send(feather, name=name).headers["content-disposition"]
    assert re.fullmatch(
        r"attachment; filename=\"[^\"\\/\r\n;%]+-compressed\.webp\"; filename\*=UTF-8''[\w.%-]+", header
    )


def test_alpha_is_white_in_a_jpeg(feather: Server) -> None:
    made = opened(
        send(feather, data=saved(with_alpha(), "PNG"), name="x.png", kind="image/png", outputFormat="jpeg").content
    )
    assert min(made.getpixel((1, 90))) > 240


def test_a_drawing_is_rendered_without_reaching_out(feather: Server) -> None:
    evil = SVG.replace(
        b"<rect",
        b'<image href="http://127.0.0.1:9/x.png" width="9" height="9"/><image href="file:///etc/passwd"/><rect',
        1,
    )
    answer = send(feather, data=evil, name="x.svg", kind="image/svg+xml", outputFormat="png")
    assert answer.status_code == 200 and opened(answer.content).size == (120, 80)


@pytest.fixture
def upstream() -> Iterator[tuple[str, list[str]]]:
    model, asked = b"onnx" * 50_000, list[str]()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            time.sleep(0.2)
            self.send_response(200 if self.path == "/full.onnx" else 500)
            self.send_header("Content-Length", str(len(model)))
            self.end_headers()
            self.wfile.write(model)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_the_model_is_fetched_once_kept_and_cached_for_ever(
    serve: Callable[..., Server], upstream: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, asked = upstream
    words = {
        "MODEL_FULL_URL": f"{url}/full.onnx", "MODEL_QUANTIZED_URL": f"{url}/broken.onnx", "HUGGINGFACE_TOKEN": "hf_x",
        "MODEL_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    server = serve(**words)
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: server.client.get("/api/models/modnet"), range(4)))
    assert {hashlib.sha256(answer.content).hexdigest() for answer in answers} == {
        hashlib.sha256(b"onnx" * 50_000).hexdigest()
    }
    assert asked == ["Bearer hf_x"]
    assert answers[0].headers["cache-control"] == "public, max-age=31536000, immutable"
    same = server.client.get("/api/models/modnet", headers={"If-None-Match": answers[0].headers["etag"]})
    assert same.status_code == 304
    assert_error(server.client.get("/api/models/modnet?variant=quantized"), 502, "MODEL_FETCH_FAILED")
    assert_error(server.client.get("/api/models/modnet?variant=other"), 400, "INVALID_INPUT")
    again = serve(**{**words, "MODEL_FULL_URL": f"http://127.0.0.1:{free_port()}/gone"})
    assert again.client.get("/api/models/modnet").content == b"onnx" * 50_000
    (tmp_path / "modnet-full.onnx").write_bytes(b"cut")
    third = serve(**{**words, "MODEL_FULL_URL": f"http://127.0.0.1:{free_port()}/gone"})
    assert_error(third.client.get("/api/models/modnet"), 502, "MODEL_FETCH_FAILED")

"""What an operator sees: metrics, logs, traces, the cache, CORS, the description of the API."""

from __future__ import annotations

import concurrent.futures
import http.server
import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from test_optimize import assert_error, post

from pictures import photo, saved
from serving import Server

DATA = saved(photo(), "JPEG", quality=95)


def test_metrics_count_by_dialect_route_status_and_step(serve: Callable[..., Server]) -> None:
    server = serve()
    post(server, DATA)
    server.client.get(f"/{uuid.uuid4()}")
    post(server, b"no picture")
    text = server.client.get("/metrics").text
    assert 'pixlean_requests_total{dialect="native",route="/optimize",status="200"} 1.0' in text
    assert 'pixlean_requests_total{dialect="native",route="/optimize",status="415"} 1.0' in text
    assert 'pixlean_requests_total{dialect="none",route="other",status="404"} 1.0' in text
    assert 'pixlean_step_seconds_count{format="jpeg",step="encode"} 1.0' in text
    assert "pixlean_queue_depth 0.0" in text and "pixlean_children_died_total 0.0" in text


def test_every_request_is_one_json_line_with_its_id_and_no_secret(serve: Callable[..., Server], tmp_path: Path) -> None:
    mine = str(uuid.uuid4())
    with (tmp_path / "log").open("wb") as log:
        server = serve(log, LOG_LEVEL="INFO", API_KEY="hidden-key")
        post(server, DATA, **{"X-Request-ID": mine, "Authorization": "Bearer hidden-key"})
        server.stop()
    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    line = next(each for each in lines if each.get("request_id") == mine)
    assert line["event"] == "request" and line["status"] == 200 and line["format"] == "jpeg"
    assert line["level"] == "info" and "hidden-key" not in text


def test_a_wrong_setting_stops_the_start_with_all_mistakes_listed() -> None:
    import os
    import subprocess
    import sys

    wrong = {"PORT": "x", "LOG_LEVEL": "loud", "TRUSTED_PROXIES": "1.2.3.4/99", "REDIS_URL": "http://x"}
    done = subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "serve"],
        env={**os.environ, **wrong},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert all(name in done.stderr for name in wrong)


def test_settings_without_effect_are_said_at_the_start(serve: Callable[..., Server], tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        serve(log, JPEG_ENCODER="cjpeg").stop()
    assert "JPEG_ENCODER has no effect" in (tmp_path / "log").read_text()


def test_the_second_time_comes_from_the_cache(serve: Callable[..., Server]) -> None:
    server = serve()
    first, second = post(server, DATA), post(server, DATA)
    assert first.headers["x-cache"] == "miss" and second.headers["x-cache"] == "hit"
    assert first.content == second.content
    assert first.headers["x-optimization-method"] == second.headers["x-optimization-method"]
    assert post(server, DATA, {"optimization": {"quality": 50}}).headers["x-cache"] == "miss"
    results = list(Path(server.data.name).rglob("*.result"))
    assert len(results) == 2
    for path in results:
        path.write_bytes(path.read_bytes()[:-1] + b"x")  # a disk that lies
    assert post(server, DATA).headers["x-cache"] == "miss"


def test_without_a_cache_nothing_is_said_or_kept(serve: Callable[..., Server]) -> None:
    server = serve(CACHE_MAX_MB="0")
    assert "x-cache" not in post(server, DATA).headers and not (Path(server.data.name) / "cache").exists()


def test_twins_at_the_same_time_are_worked_on_once(serve: Callable[..., Server]) -> None:
    server = serve(COMPRESSION_SEMAPHORE_SIZE="1", MAX_QUEUE_DEPTH="1")
    slow = saved(photo().resize((1600, 1200)), "PNG", compress_level=1)
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: post(server, slow), range(6)))
    served = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in served}) == 1
    assert [answer.headers["x-cache"] for answer in served].count("miss") == 1


def test_the_cache_is_capped(tmp_path: Path) -> None:
    from pixlean.storage.cache import Entry, ResultCache

    cache = ResultCache(tmp_path, 10_000)
    for number in range(20):
        cache.put(f"{number:064x}", Entry(notes=b"{}", data=bytes(1500)))
        cache.get(f"{0:064x}")
    assert cache.total_bytes <= 10_000 and cache.get(f"{0:064x}") is not None and cache.get(f"{1:064x}") is None
    again = ResultCache(tmp_path, 10_000)
    assert again.total_bytes == cache.total_bytes
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.result")) == cache.total_bytes


def test_browsers_may_read_our_headers_and_errors(serve: Callable[..., Server]) -> None:
    server = serve(ALLOWED_ORIGINS="https://a.example")
    for answer in (post(server, DATA, Origin="https://a.example"), post(server, b"x", Origin="https://a.example")):
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert "X-Optimization-Method" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-origin" not in post(server, DATA, Origin="https://b.example").headers
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allowed = server.client.options("/optimize", headers=asked)
    assert allowed.status_code == 200 and "x-request-id" in allowed.headers


def test_the_description_has_an_etag_and_every_error(server: Server) -> None:
    answer = server.client.get("/openapi.json")
    described = answer.json()["paths"]["/optimize"]["post"]
    assert {"200", "400", "401", "403", "413", "415", "422", "429", "500", "502", "503"} <= set(described["responses"])
    assert set(described["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert server.client.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    page = server.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html") and "/optimize" in page.text
    assert "src=" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    order = [page.text.index(f'<h2 id="{name}"') for name in ("native", "feather", "tinify")]
    assert order == sorted(order)
    assert_error(server.client.post("/docs"), 405, "method_not_allowed")


def test_traces_go_where_the_usual_variables_say(serve: Callable[..., Server]) -> None:
    received: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    server = serve(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}", OTEL_BSP_SCHEDULE_DELAY="100"
    )
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    post(server, DATA, traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    end = time.monotonic() + 10
    while bytes.fromhex(trace) not in b"".join(received) and time.monotonic() < end:
        time.sleep(0.05)
    collector.shutdown()
    text = b"".join(received)
    assert bytes.fromhex(trace) in text and b"POST /optimize" in text and b"encode" in text

"""What a server says of itself."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from pixlean.cli.ready import ready_line, stop_line, url_of
from serving import Server


def test_one_line_when_it_is_ready_and_one_when_it_stops(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        server = Server(log, API_KEY="secret-key", LOG_LEVEL="error")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    lines = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines()]
    assert len(lines) == 2, lines
    assert lines[0].startswith(
        f"pixlean is ready: http://127.0.0.1:{server.port} (docs http://127.0.0.1:{server.port}/docs, "
    )
    assert "keys required" in lines[0] and "sandbox: " in lines[0] and "secret-key" not in lines[0]
    assert lines[1].startswith("pixlean has stopped after ")


def test_a_taken_port_is_no_ready_server(tmp_path: Path) -> None:
    server = Server()
    try:
        second = subprocess.run(
            [server.process.args[0], "-m", "pixlean.cli", "serve"],  # type: ignore[index]
            env={**server.environment, "PIXLEAN_DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (
            second.returncode == 1
            and "error: the server did not start" in second.stderr
            and "is ready" not in second.stderr
            and "stopped" not in second.stderr
        )
    finally:
        server.stop()


def test_the_lines_say_what_there_is() -> None:
    line = ready_line(
        "http://localhost:80", guarded=False, serves_jobs=False, layers={"seccomp": True, "landlock": False}
    )
    assert (
        "open to everybody" in line
        and "leaves jobs to workers" in line
        and "sandbox: seccomp (missing: landlock)" in line
    )
    assert (
        url_of("0.0.0.0", 80, tls=True) == "https://localhost:80" and url_of("::1", 80, tls=False) == "http://[::1]:80"
    )
    assert stop_line(3725) == "pixlean has stopped after 1 h 2 min"

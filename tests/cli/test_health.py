"""``pixlean health``, as a container asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from serving import Server, free_port


def health(*words: str, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "health", *words],
        capture_output=True, text=True, check=False, env={**os.environ, "PORT": str(port)},
    )  # fmt: skip


def test_a_server_that_takes_work_is_ready() -> None:
    server = Server()
    try:
        said = health(port=server.port)
        assert (said.returncode, said.stdout.strip(), said.stderr) == (0, "ready", "")
        assert json.loads(health("--json", port=server.port).stdout) == {"status": "ready"}
    finally:
        server.stop()


def test_where_nobody_answers_the_port_is_named() -> None:
    port = free_port()
    said = health(port=port)
    assert said.returncode == 1 and f"error: no server answers on port {port}: " in said.stderr
    assert "Traceback" not in said.stderr and not said.stdout

"""A real server on a free port, for tests and benchmarks: it can be killed and started again on its data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_SETTINGS = ("API_KEY", "REDIS_URL", "DATABASE_URL", "STORAGE_URL", "PUBLIC_URL")


class Server:
    """A running ``pixlean serve``."""

    def __init__(self, stderr: IO[bytes] | None = None, role: str = "all", **environment: str) -> None:
        self.port = free_port()
        self._words = ["serve"] if role == "all" else ["serve", "--role", role]
        scheme = "https" if "TLS_CERT_FILE" in environment else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.data = tempfile.TemporaryDirectory(prefix="pixlean-test-")
        clean = {name: value for name, value in os.environ.items() if name not in _SETTINGS}
        self.environment = {
            **clean, "PORT": str(self.port), "HOST": "127.0.0.1", "PIXLEAN_DATA_DIR": self.data.name, **environment,
        }  # fmt: skip
        self.client = httpx.Client(base_url=self.url, timeout=60, verify=False)
        self._stderr = stderr
        self.start()

    def start(self) -> None:
        """Start the server, again after a kill: it keeps its port, its data and its log."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pixlean.cli", *self._words], env=self.environment, stderr=self._stderr
        )
        for _ in range(900):
            try:
                self.client.get("/health")
                return
            except httpx.TransportError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        """End the server as a crash would."""
        self.process.kill()
        self.process.wait()

    def pixlean(self, *words: str) -> str:
        """What a command prints that is run beside the server, on the same data."""
        done = subprocess.run(
            [sys.executable, "-m", "pixlean.cli", *words],
            env=self.environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_key(self, plan: str = "free", name: str = "tester") -> str:
        """A key that this server knows; waits until dev mode has ended."""
        made = self.pixlean("keys", "create", "--name", name, "--plan", plan).strip()
        while self.client.get("/v1/usage").status_code != 401:
            time.sleep(0.1)
        return made

    def stop(self) -> int:
        self.client.close()
        self.process.terminate()
        code = self.process.wait(40)
        self.data.cleanup()
        return code

"""A real server on a free port."""

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


class Server:
    """A running ``pixlean serve``."""

    def __init__(self, stderr: IO[bytes] | None = None, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = tempfile.TemporaryDirectory(prefix="pixlean-test-")
        clean = {name: value for name, value in os.environ.items() if name not in ("API_KEY", "REDIS_URL")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pixlean.cli", "serve"],
            env={
                **clean,
                "PORT": str(self.port),
                "HOST": "127.0.0.1",
                "PIXLEAN_DATA_DIR": self.data.name,
                **environment,
            },
            stderr=stderr,
        )
        self.client = httpx.Client(base_url=self.url, timeout=60)
        for _ in range(300):
            try:
                self.client.get("/health")
                return
            except httpx.TransportError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError("the server did not start")

    def stop(self) -> int:
        self.client.close()
        self.process.terminate()
        code = self.process.wait(40)
        self.data.cleanup()
        return code

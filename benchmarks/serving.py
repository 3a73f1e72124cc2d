"""A real server on a free port, for tests and benchmarks: it can be killed and started again on its data."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO

import httpx

# Below those that Linux gives to connections and to who asks for any (32768 and up): nothing else takes one of them in
# the seconds before the server listens.
_FIRST_PORT, _LAST_PORT = 12_000, 32_000
_dice = random.SystemRandom()  # tests seed the usual one, to the same numbers in every process


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    for _ in range(1000):
        port = _dice.randint(_FIRST_PORT, _LAST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


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
                if self.process.poll() is None:
                    return
                break  # another server has the port
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

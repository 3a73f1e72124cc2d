"""Servers for the tests: one shared, others with settings of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO

import pytest

from serving import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Shared by many files: how much of a minute's requests the others have used up must not matter."""
    running = Server(RATE_LIMIT_PER_MINUTE="0", COMPRESSORIZE_FREE_RPM="0", COMPRESSORIZE_PAID_RPM="0")
    yield running
    running.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers with settings of their own; they end with the test."""
    running: list[Server] = []

    def start(stderr: IO[bytes] | None = None, **environment: str) -> Server:
        running.append(Server(stderr, **environment))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop()

"""What all tests share."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import KINDS, database
from pixlean.state.settings import Settings
from skips import pytest_sessionfinish, pytest_terminal_summary

__all__ = ["pytest_sessionfinish", "pytest_terminal_summary", "state"]


def pytest_configure() -> None:
    """A shell has its background jobs ignore Ctrl-C, and the programs that tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test gets an address of its own.

    Of several tests with one address only one would run where tests are shared out to processes. Schemathesis leaves the
    operation out of the address, though not out of the name.
    """
    for item in items:
        _, _, case = item.name.removesuffix("]").partition("[")
        if case and not item.nodeid.endswith("]"):
            item._id = item.id.with_params(case)
    twins = [address for address, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twins:
        raise pytest.UsageError(f"several tests have one address: {', '.join(twins)}")


@pytest.fixture(params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty database, once as SQLite and once as PostgreSQL."""
    with database(request.param, tmp_path / "state") as settings:
        yield settings

"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import KINDS, database
from pixlean.state.database import Settings


@pytest.fixture(params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty database, once as SQLite and once as PostgreSQL."""
    with database(request.param, tmp_path / "state") as settings:
        yield settings

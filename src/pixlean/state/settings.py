"""Where this server keeps what it must not forget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pixlean.domain.settings import Kind, secret, setting

_FORM = "postgresql+asyncpg://user:password@host/database"


def _postgresql(given: str) -> str:
    # What hosting services hand out.
    for scheme in ("postgres://", "postgresql://"):
        if given.startswith(scheme):
            return "postgresql+asyncpg://" + given.removeprefix(scheme)
    if not given.startswith("postgresql+asyncpg://"):
        raise ValueError(_FORM)
    return given


@dataclass(frozen=True, kw_only=True)
class Settings:
    """``url`` is empty for SQLite in ``folder``, else ``postgresql+asyncpg://...``."""

    folder: Path = setting(
        "PIXLEAN_DATA_DIR", "./.pixlean", Kind(read=Path), "folder for everything that this server keeps"
    )
    url: str = setting(
        "DATABASE_URL", "", secret(_postgresql),
        "postgresql+asyncpg://..., for several servers; empty is SQLite in PIXLEAN_DATA_DIR",
    )  # fmt: skip

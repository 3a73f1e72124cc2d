"""Every room's settings, read from the environment at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixlean import config
from pixlean.access import settings as access
from pixlean.config import Environment, Loaded
from pixlean.outbound import settings as outbound
from pixlean.sandbox import settings as sandbox
from pixlean.service import settings as service
from pixlean.state import settings as state
from pixlean.storage import settings as storage
from pixlean.web import settings as web
from pixlean.wiring.dialects import APIS

ROOMS: tuple[type[Any], ...] = (
    config.Server,
    web.Settings,
    access.Settings,
    service.Settings,
    sandbox.Settings,
    outbound.Settings,
    storage.Settings,
    state.Settings,
    *dict.fromkeys(api.settings for api in APIS),
)


def load(environ: Mapping[str, str] | None = None) -> Loaded:
    """All settings, checked. Raises ``SettingsError`` that lists all mistakes."""
    return config.read(ROOMS, environ)


def caged(environment: Environment) -> sandbox.Settings:
    """The sandbox's settings, with what no child may ever read: keys, the database, results, our own folder."""
    here, data = Path.cwd(), environment.of(state.Settings).folder.absolute()
    stores = environment.of(storage.Settings)
    shown = (shelf.folder or "" for shelf in environment.of(service.Settings).picture_shelves)
    named = (environment.of(config.Server).tls_key_file, stores.google_credentials, stores.file_root, *shown)
    paths = (here, here / ".env", data, data / "pixlean.db", *(Path(name).absolute() for name in named if name))
    private = tuple(dict.fromkeys(str(path) for path in paths))
    return replace(environment.of(sandbox.Settings), private=private)

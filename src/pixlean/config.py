"""The only reader of the environment: each room tells its settings, here they are read, all mistakes told at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pixlean.domain.settings import Kind, Variable, setting, text, variables, whole

_Room = TypeVar("_Room")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsError(Exception):
    """One or more settings are wrong; the text lists each with its value and what was expected."""


def _level(given: str) -> str:
    level = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(given.upper(), given.upper())
    if level not in _LEVELS:
        raise ValueError(f"one of {', '.join(_LEVELS)}")
    return level


def _file(given: str) -> str:
    if not os.path.isfile(given):
        raise ValueError("a file that can be read")
    return given


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where the server listens, by how many processes, and what it says."""

    port: int = setting("PORT", "8080", whole(0, 65535), "server port")
    host: str = setting("HOST", "0.0.0.0", Kind(read=str), "address to listen on")  # noqa: S104 - a server in a container
    tls_cert_file: str = setting(
        "TLS_CERT_FILE", "", text(_file), "certificate chain (PEM) to serve https with; needs TLS_KEY_FILE"
    )
    tls_key_file: str = setting("TLS_KEY_FILE", "", text(_file), "the certificate's key (PEM)")
    workers: int = setting(
        "WORKERS", "1", whole(1, 1024), "server processes on the one port; when more than 1 pays: docs/operations.md"
    )
    log_level: str = setting(
        "LOG_LEVEL", "WARNING", Kind(read=_level),
        "what is logged: DEBUG, INFO (every request too), WARNING, ERROR or CRITICAL",
    )  # fmt: skip
    jpeg_encoder: str = setting(
        "JPEG_ENCODER", "", text(), "taken for compatibility: JPEGs are always written by jpegli"
    )


@dataclass(frozen=True)
class Row:
    """One effective setting, for ``pixlean config``."""

    name: str
    value: str
    origin: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Every room's settings, and whether the usual ``OTEL_*`` variables, which the SDK reads itself, ask for traces."""

    rooms: Mapping[type, object] = field(default_factory=dict)
    traces: bool = False

    def of(self, room: type[_Room]) -> _Room:
        """The settings of a room, by their class."""
        return cast(_Room, self.rooms[room])


@dataclass(frozen=True)
class Loaded:
    """The settings and where each came from."""

    environment: Environment
    rows: tuple[Row, ...] = ()


def read(rooms: Iterable[type[Any]], environ: Mapping[str, str] | None = None) -> Loaded:
    """Read and check every setting of these rooms; an empty variable counts as not set.

    Raises ``SettingsError`` that lists all mistakes.
    """
    given = os.environ if environ is None else environ
    values: dict[type, object] = {}
    rows: list[Row] = []
    mistakes: list[str] = []
    for room in rooms:
        found: dict[str, object] = {}
        for name, variable in variables(room):
            rows.append(_row(variable, given))
            if not given.get(variable.name):
                continue
            try:
                found[name] = variable.kind.read(given[variable.name])
            except ValueError as error:
                mistakes.append(f"{variable.name}={_shown(variable, given[variable.name])!r}: {error}")
        values[room] = room(**found)
    if mistakes:
        raise SettingsError("wrong settings:\n  " + "\n  ".join(mistakes))
    return Loaded(Environment(rooms=values, traces=_wants_traces(given)), tuple(rows))


def _row(variable: Variable, given: Mapping[str, str]) -> Row:
    told = given.get(variable.name)
    value = told or variable.default
    shown = ("***" if value else "") if variable.kind.secret else without_secrets(value)
    return Row(variable.name, shown, "environment" if told else "default", variable.sentence)


def _wants_traces(given: Mapping[str, str]) -> bool:
    off = given.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and any(given.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_"))


def without_secrets(text: str) -> str:
    """A setting as it may be printed: of URLs without user names, passwords and what looks like one in a query."""
    text = re.sub(r"(?<=//)[^\s]*@", "***@", text) if "//" in text else re.sub(r"^\S*@", "***@", text)
    return re.sub(r"(?i)([?&][^=&]*(?:pass|secret|token|key|sig)[^=&]*=)[^&\s]*", r"\1***", text)


def _shown(variable: Variable, value: str) -> str:
    """A wrong value in an error: of a secret one only where a URL leads."""
    return "***" if variable.kind.secret and "://" not in value else without_secrets(value)

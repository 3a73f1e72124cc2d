"""What a dialect is, and what a request can ask of the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.service.compress import Compress


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the HTTP side may decide by."""

    api_key: str = ""
    max_file_bytes: int = 32 << 20
    default_quality: int = 80
    body_stall_seconds: float = 20.0
    body_total_seconds: float = 120.0
    allowed_origins: tuple[str, ...] = ("*",)


@dataclass(frozen=True, kw_only=True)
class Status:
    """What ``/health`` may say."""

    tools: Mapping[str, bool] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sandbox: Mapping[str, bool] = field(default_factory=dict)


@dataclass(kw_only=True)
class Services:
    """The use cases and settings that the wiring hands to the web."""

    settings: Settings
    compress: Compress
    status: Status = field(default_factory=Status)


class Dialect(Protocol):
    """One public API."""

    NAME: str
    PREFIXES: tuple[str, ...]
    ROUTES: list[Route]
    ERRORS: Mapping[ErrorCode, tuple[int, str]]

    def show_error(self, error: PixleanError) -> Response:
        """Any of our errors in this API's words and shape."""


def services(request: Request) -> Services:
    """The house's services, from the application."""
    return cast(Services, request.app.state.services)

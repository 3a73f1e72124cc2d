"""What a dialect is, and what a request can ask of the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pixlean.access.keys import Keys
from pixlean.access.rate import RateLimiter
from pixlean.access.usage import Ledger
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.outbound.fetch import Fetcher
from pixlean.outbound.webhook import WebhookSender
from pixlean.service.backlog import Backlog
from pixlean.service.compress import Compress
from pixlean.service.deliver import Deliver
from pixlean.service.estimate import EstimateSavings
from pixlean.service.gate import Gate
from pixlean.service.models import Models
from pixlean.service.outputs import Outputs
from pixlean.service.results import Results
from pixlean.service.submit import Submit
from pixlean.state.database import Database


@dataclass(frozen=True, kw_only=True)
class FeatherSettings:
    """What the Feather dialect promises on its own."""

    max_upload_bytes: int = 25 << 20
    limits: Limits = field(default_factory=Limits)
    timeout_seconds: float = 60.0
    per_minute: int = 60
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CompressorizeSettings:
    """What the Compressorize dialect promises on its own (seeds/compressorize.txt)."""

    max_file_bytes: int = 25 << 20
    inline_bytes: int = 2 << 20  # from here on a job is made
    keep_seconds: float = 24 * 3600.0
    free_rpm: int = 20
    paid_rpm: int = 100


@dataclass(frozen=True, kw_only=True)
class PicwishSettings:
    """What the PicWish dialect promises on its own (seeds/picwish.txt, Guidelines)."""

    max_file_bytes: int = 20 << 20
    max_side_px: int = 8000
    keep_seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the HTTP side may decide by."""

    max_file_bytes: int = 32 << 20
    optipic_file_bytes: int = 20 << 20  # seeds/optipic.txt: "File exceeds 20 MB limit"
    compressorize: CompressorizeSettings = CompressorizeSettings()
    picwish: PicwishSettings = PicwishSettings()
    default_quality: int = 80
    public_url: str = ""
    body_stall_seconds: float = 20.0
    body_total_seconds: float = 120.0
    allowed_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    feather: FeatherSettings = FeatherSettings()

    @property
    def default_recipe(self) -> Recipe:
        """What is done where a request names nothing."""
        return Recipe(quality=self.default_quality)


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
    gate: Gate
    limiter: RateLimiter
    keys: Keys
    ledger: Ledger
    database: Database
    compress: Compress
    estimate: EstimateSavings
    deliver: Deliver
    models: Models
    outputs: Outputs
    public_fetcher: Fetcher
    webhooks: WebhookSender
    submit: Submit
    results: Results
    backlog: Backlog
    status: Status = field(default_factory=Status)


class Dialect(Protocol):
    """One public API. ``PATHS`` is its part of the OpenAPI document; its errors are added from ``ERRORS``."""

    NAME: str
    PREFIXES: tuple[str, ...]
    ROUTES: list[Route]
    ERRORS: Mapping[ErrorCode, tuple[int, str]]
    PATHS: Mapping[str, Mapping[str, Any]]

    def show_error(self, error: PixleanError) -> Response:
        """Any of our errors in this API's words and shape."""

    def show_id(self, request_id: str) -> str:
        """A request's UUID as this API writes it in ``X-Request-ID``."""


def services(request: Request) -> Services:
    """The house's services, from the application."""
    return cast(Services, request.app.state.services)


@dataclass
class Account:
    """What a request turned out to be: filled in by its dialect, read by those who count and log."""

    dialect: str = ""
    route: str = ""
    plan: str = ""
    format: str = ""
    method: str = ""
    bytes_out: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""


def account(request: Request) -> Account:
    """The account of a request, which the outermost middleware opened."""
    return cast(Account, request.scope["state"]["account"])

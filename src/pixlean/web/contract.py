"""What a request can ask of the house, and what is noted of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import Request

from pixlean.access.keys import Keys
from pixlean.access.rate import RateLimiter
from pixlean.access.signatures import Signatures
from pixlean.access.usage import Ledger
from pixlean.outbound import settings as outbound
from pixlean.outbound.fetch import Fetcher
from pixlean.outbound.webhook import WebhookSender
from pixlean.service.backlog import Backlog
from pixlean.service.compress import Compress
from pixlean.service.deliver import Deliver
from pixlean.service.estimate import EstimateSavings
from pixlean.service.gate import Gate
from pixlean.service.look import Look
from pixlean.service.outputs import Outputs
from pixlean.service.pictures import Pictures
from pixlean.service.results import Results
from pixlean.service.submit import Submit
from pixlean.state.database import Database
from pixlean.web.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Status:
    """What ``/health`` may say. ``works`` tells whether an encoding process that proved itself lives."""

    tools: Mapping[str, bool] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    sandbox: Mapping[str, bool] = field(default_factory=dict)
    works: bool = True


@dataclass(kw_only=True)
class Services:
    """The use cases and settings that the wiring hands to the web."""

    settings: Settings
    outbound: outbound.Settings
    gate: Gate
    limiter: RateLimiter
    keys: Keys
    ledger: Ledger
    database: Database
    compress: Compress
    estimate: EstimateSavings
    look: Look
    deliver: Deliver
    outputs: Outputs
    public_fetcher: Fetcher
    pictures: Pictures
    picture_signatures: Signatures | None
    webhooks: WebhookSender
    submit: Submit
    results: Results
    backlog: Backlog
    status: Callable[[], Status] = Status


def services(request: Request) -> Services:
    """The house's services, from the application."""
    return cast(Services, request.app.state.services)


@dataclass
class Account:
    """What a request turned out to be: filled in by its dialect, read by those who count and log."""

    dialect: str = ""
    route: str = ""
    path: str = ""  # as it may be logged, where that is not as it was asked for
    tier: str = ""
    format: str = ""
    method: str = ""
    bytes_out: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    error: str = ""


def account(request: Request) -> Account:
    """The account of a request, which the outermost middleware opened."""
    return cast(Account, request.scope["state"]["account"])

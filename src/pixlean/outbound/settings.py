"""What the operator decides of URLs: where fetches and webhooks may go, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from pixlean.domain.settings import Network, flag, networks, number, setting, text, whole
from pixlean.outbound import fetch, guard, webhook

_ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def _file(given: str) -> str:
    if not Path(given).is_file():
        raise ValueError("a file that can be read")
    return given


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The bounds of every connection to the outside."""

    fetch_seconds: float = setting(
        "URL_FETCH_TIMEOUT", "30", number(most=600), "longest time for fetching a URL, in seconds"
    )
    max_redirects: int = setting("URL_FETCH_MAX_REDIRECTS", "5", whole(0, 20), "redirects that are followed")
    https_only: bool = setting("URL_FETCH_REQUIRE_HTTPS", "true", flag(), "refuse http URLs")
    allowed_nets: tuple[Network, ...] = setting(
        "URL_FETCH_ALLOWED_NETS", "", networks(), "networks (CIDR list) that are allowed although private"
    )
    ca_file: str = setting("URL_FETCH_CA_FILE", "", text(_file), "further certificate authorities, a PEM file")
    webhook_nets: tuple[Network, ...] = setting(
        "WEBHOOK_ALLOWED_NETS", "", networks(), "networks (CIDR list) that webhooks may go to although private"
    )
    webhook_http: bool = setting("WEBHOOK_ALLOW_HTTP", "false", flag(), "let webhooks go to http URLs too")

    def callers(self, max_bytes: int, *, any_scheme: bool = False) -> fetch.Settings:
        """How URLs are fetched that callers name; ``any_scheme`` for APIs that promise http as well."""
        return fetch.Settings(
            guard=guard.Settings(require_https=self.https_only and not any_scheme, allowed_nets=self.allowed_nets),
            timeout_seconds=self.fetch_seconds,
            max_redirects=self.max_redirects,
            max_bytes=max_bytes,
            ca_file=self.ca_file,
        )

    def operators(self, max_bytes: int, seconds: float) -> fetch.Settings:
        """How URLs are fetched that the operator names, which may lead anywhere."""
        return fetch.Settings(
            guard=guard.Settings(require_https=False, allowed_nets=_ANYWHERE),
            timeout_seconds=seconds,
            max_redirects=self.max_redirects,
            max_bytes=max_bytes,
            ca_file=self.ca_file,
        )

    def webhooks(self) -> webhook.Settings:
        """Where webhooks may go."""
        return webhook.Settings(
            guard=guard.Settings(require_https=not self.webhook_http, allowed_nets=self.webhook_nets),
            ca_file=self.ca_file,
        )

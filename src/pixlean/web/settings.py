"""What the operator decides of HTTP, whatever API is spoken."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.budget import ByteBudget
from pixlean.domain.recipe import QUALITY, Recipe
from pixlean.domain.settings import (
    Network,
    listed,
    megabytes,
    networks,
    number,
    secret,
    setting,
    text,
    web_address,
    whole,
)  # fmt: skip
from pixlean.web import doors

_MB = 1 << 20
_LEAST_KEY_CHARACTERS = 16


def _long_enough(given: str) -> str:
    if len(given) < _LEAST_KEY_CHARACTERS:
        raise ValueError(f"{_LEAST_KEY_CHARACTERS} characters and more")
    return given


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the HTTP side may decide by. ``budget`` is what uploads hold, where somebody counts it."""

    max_file_bytes: int = setting("MAX_FILE_SIZE_MB", "32", megabytes(1024), "upload limit in MB of 1 048 576 bytes")
    default_quality: int = setting(
        "DEFAULT_QUALITY", "80", whole(QUALITY.least, QUALITY.most), "quality where a request names none"
    )
    public_url: str = setting(
        "PUBLIC_URL", "", text(web_address), "how clients reach this server, for links in answers; empty is by request"
    )
    admin_key: str = setting(
        "ADMIN_KEY", "", secret(_long_enough),
        "shows and makes keys at /admin/keys and on the page, 16 characters and more; empty: off",
    )  # fmt: skip
    allowed_origins: tuple[str, ...] = setting("ALLOWED_ORIGINS", "*", listed(), "CORS origins, comma-separated")
    trusted_proxies: tuple[Network, ...] = setting(
        "TRUSTED_PROXIES", "", networks(), "networks (CIDR list) whose X-Forwarded-For is believed"
    )
    body_stall_seconds: float = setting("BODY_STALL_SECONDS", "20", number(), "longest pause in an upload")
    body_total_seconds: float = setting("BODY_TOTAL_SECONDS", "120", number(), "longest time for an upload")
    body_least_rate: int = setting(
        "BODY_LEAST_RATE", "1024", whole(0), "bytes a second that an upload must bring; 0 is any"
    )
    body_budget_bytes: int = setting(
        "BODY_BUDGET_MB", "512", whole(1, times=_MB), "uploads and fetched files in memory together; then 503"
    )
    max_connections: int = setting(
        "MAX_CONNECTIONS", "0", whole(0), "connections in all; 0 is as many as there are descriptors for"
    )
    max_connections_per_address: int = setting(
        "MAX_CONNECTIONS_PER_ADDRESS", "1024", whole(0), "connections of one address, trusted proxies aside; 0 is any"
    )
    budget: ByteBudget | None = None

    @property
    def default_recipe(self) -> Recipe:
        """What is done where a request names nothing."""
        return Recipe(quality=self.default_quality)

    def doors(self) -> doors.Settings:
        """How many connections may be open."""
        return doors.Settings(
            most=self.max_connections,
            most_per_address=self.max_connections_per_address,
            trusted_proxies=self.trusted_proxies,
        )

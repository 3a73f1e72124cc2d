"""What the operator decides of keys and rates."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.access.signatures import PathKey, Signatures
from pixlean.domain.settings import beginning, flag, secret, secrets, setting, text, whole

_LEAST_KEY_CHARACTERS = 16


def _long_enough(given: str) -> str:
    if len(given) < _LEAST_KEY_CHARACTERS:
        raise ValueError(f"{_LEAST_KEY_CHARACTERS} characters and more, each")
    return given


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The operator's own key, whether one is needed, and what is allowed in a minute; 0 is unlimited."""

    api_key: str = setting("API_KEY", "", secret(), "bearer token; empty is dev mode")
    key_required: bool = setting(
        "REQUIRE_KEY", "false", flag(), "no dev mode: 401 without a key, even where none is configured yet"
    )
    redis_url: str = setting(
        "REDIS_URL", "",
        text(beginning("redis://", "rediss://", "unix://", form="redis://, rediss:// or unix://")),
        "Redis for rate limits; without one only APIs that promise a limit have them",
    )  # fmt: skip
    public_rpm: int = setting(
        "RATE_LIMIT_PUBLIC_RPM", "60", whole(0), "requests a minute without a key; 0 is unlimited"
    )
    public_burst: int = setting(
        "RATE_LIMIT_PUBLIC_BURST", "10", whole(0), "requests in ten seconds without a key; 0 is unlimited"
    )
    auth_enabled: bool = setting("RATE_LIMIT_AUTH_ENABLED", "false", flag(), "limit requests with a key too")
    auth_rpm: int = setting("RATE_LIMIT_AUTH_RPM", "0", whole(0), "requests a minute with a key; 0 is unlimited")
    picture_keys: tuple[str, ...] = setting(
        "IMG_KEYS", "", secrets(_long_enough),
        "secrets of 16 characters and more that sign pictures by URL, comma-separated; the first one signs",
    )  # fmt: skip
    picture_signature_bytes: int = setting(
        "IMG_SIGNATURE_BYTES", "32", whole(8, 32), "how much of a signature a URL must show"
    )

    @property
    def picture_signatures(self) -> Signatures | None:
        """What signs and checks pictures by URL; ``None`` where there is no key."""
        keys = tuple(PathKey(key.encode()) for key in self.picture_keys)
        return Signatures(keys=keys, size_bytes=self.picture_signature_bytes) if keys else None

"""Open the operator's own bucket or folder by its URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from obstore.store import from_url

_RETRIES: dict[str, Any] = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where buckets are: ``s3_endpoint`` and ``gcs_emulator`` replace the public services."""

    s3_endpoint: str = ""
    gcs_emulator: str = ""
    timeout_seconds: float = 30.0


def opened(url: str, stores: Stores, retries: dict[str, Any] = _RETRIES) -> Any:
    """The store at ``s3://bucket/prefix`` or the like, with this server's credentials; ``retries`` are obstore's."""
    options: dict[str, Any] = {"timeout": timedelta(seconds=stores.timeout_seconds)}
    more: dict[str, Any] = {}
    if url.startswith("s3://") and stores.s3_endpoint:
        options["allow_http"] = True
        more = {"endpoint": stores.s3_endpoint, "virtual_hosted_style_request": False}
    if url.startswith("gs://") and stores.gcs_emulator:
        options["allow_http"] = True
        more = {"config": {"base_url": stores.gcs_emulator, "bearer_token": "emulator"}}
    return from_url(url, client_options=options, retry_config=retries, **more)  # type: ignore[call-overload]

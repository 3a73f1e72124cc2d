"""From the environment's words to each room's settings."""

from __future__ import annotations

from pathlib import Path

from pixlean.access import rate
from pixlean.config import Environment, parse_list, parse_networks
from pixlean.domain.limits import Limits
from pixlean.outbound import fetch, guard, webhook
from pixlean.sandbox import pool as sandbox
from pixlean.service import models, notify, submit
from pixlean.storage import blobs, objects
from pixlean.web import contract as web


def web_settings(environment: Environment) -> web.Settings:
    """What the HTTP side may decide by."""
    return web.Settings(
        public_url=environment.PUBLIC_URL,
        max_file_bytes=int(environment.MAX_FILE_SIZE_MB * (1 << 20)),
        default_quality=environment.DEFAULT_QUALITY,
        body_stall_seconds=environment.BODY_STALL_SECONDS,
        body_total_seconds=environment.BODY_TOTAL_SECONDS,
        allowed_origins=parse_list(environment.ALLOWED_ORIGINS),
        trusted_proxies=parse_networks(environment.TRUSTED_PROXIES),
        compressorize=web.CompressorizeSettings(
            free_rpm=environment.COMPRESSORIZE_FREE_RPM, paid_rpm=environment.COMPRESSORIZE_PAID_RPM
        ),
        feather=web.FeatherSettings(
            max_upload_bytes=int(environment.MAX_UPLOAD_MB * (1 << 20)),
            limits=limits(min(environment.MAX_PIXELS, environment.MAX_IMAGE_PIXELS)),
            timeout_seconds=environment.REQUEST_TIMEOUT_MS / 1000,
            per_minute=environment.RATE_LIMIT_PER_MINUTE,
            allowed_origins=parse_list(environment.CORS_ORIGINS),
        ),
    )


def sandbox_settings(environment: Environment) -> sandbox.Settings:
    """What children may use."""
    return sandbox.Settings(
        slots=environment.slots,
        timeout_seconds=environment.TOOL_TIMEOUT_SECONDS,
        memory_bytes=environment.CHILD_MEMORY_MB << 20,
        memory_budget_bytes=environment.MEMORY_BUDGET_MB << 20,
        required=environment.REQUIRE_SANDBOX,
    )


def fetch_settings(environment: Environment, max_bytes: int, *, any_scheme: bool = False) -> fetch.Settings:
    """How URLs are fetched that callers name; ``any_scheme`` for APIs that promise http as well."""
    return fetch.Settings(
        guard=guard.Settings(
            require_https=environment.URL_FETCH_REQUIRE_HTTPS and not any_scheme,
            allowed_nets=parse_networks(environment.URL_FETCH_ALLOWED_NETS),
        ),
        timeout_seconds=environment.URL_FETCH_TIMEOUT,
        max_redirects=environment.URL_FETCH_MAX_REDIRECTS,
        max_bytes=max_bytes,
        ca_file=environment.URL_FETCH_CA_FILE,
    )


_MOST_MODEL_BYTES = 256 << 20


def model_fetch_settings(environment: Environment) -> fetch.Settings:
    """The operator names these URLs, so they may lead anywhere."""
    return fetch.Settings(
        guard=guard.Settings(require_https=False, allowed_nets=parse_networks("0.0.0.0/0, ::/0")),
        timeout_seconds=environment.MODEL_FETCH_TIMEOUT_MS / 1000,
        max_redirects=environment.URL_FETCH_MAX_REDIRECTS,
        max_bytes=_MOST_MODEL_BYTES,
        ca_file=environment.URL_FETCH_CA_FILE,
    )


def model_settings(environment: Environment) -> models.Settings:
    """Where models come from."""
    return models.Settings(
        urls={
            models.Variant.FULL: environment.MODEL_FULL_URL,
            models.Variant.QUANTIZED: environment.MODEL_QUANTIZED_URL,
        },
        folder=environment.MODEL_CACHE_DIR,
        token=environment.HUGGINGFACE_TOKEN.get_secret_value(),
    )


def rate_settings(environment: Environment) -> rate.Settings:
    """What callers may ask a minute."""
    return rate.Settings(
        redis_url=environment.REDIS_URL,
        public_rpm=environment.RATE_LIMIT_PUBLIC_RPM,
        public_burst=environment.RATE_LIMIT_PUBLIC_BURST,
        auth_enabled=environment.RATE_LIMIT_AUTH_ENABLED,
        auth_rpm=environment.RATE_LIMIT_AUTH_RPM,
    )


def storage_settings(environment: Environment) -> objects.Settings:
    """Where other people's buckets are."""
    return objects.Settings(
        allowed_buckets=frozenset(parse_list(environment.STORAGE_ALLOWED_BUCKETS)),
        file_root=environment.STORAGE_FILE_ROOT,
        gcs_emulator=environment.STORAGE_EMULATOR_HOST,
        google_credentials=environment.GOOGLE_APPLICATION_CREDENTIALS,
        s3_endpoint=environment.AWS_ENDPOINT_URL,
    )


def blob_settings(environment: Environment) -> blobs.Settings:
    """Where this server's own objects are."""
    return blobs.Settings(
        folder=Path(environment.PIXLEAN_DATA_DIR) / "objects",
        url=environment.STORAGE_URL,
        s3_endpoint=environment.AWS_ENDPOINT_URL,
        gcs_emulator=environment.STORAGE_EMULATOR_HOST,
    )


def limits(pixels: int) -> Limits:
    """What one picture may take."""
    return Limits(max_pixels=pixels, max_total_pixels=pixels, max_canvas_pixels=10 * pixels)


def webhook_settings(environment: Environment) -> webhook.Settings:
    """Where webhooks may go."""
    return webhook.Settings(
        guard=guard.Settings(
            require_https=not environment.WEBHOOK_ALLOW_HTTP,
            allowed_nets=parse_networks(environment.WEBHOOK_ALLOWED_NETS),
        ),
        ca_file=environment.URL_FETCH_CA_FILE,
    )


def notify_settings(environment: Environment) -> notify.Settings:
    """How webhooks are signed and repeated."""
    pauses = tuple(float(part) for part in parse_list(environment.WEBHOOK_BACKOFF_SECONDS))
    return notify.Settings(secret=environment.WEBHOOK_SECRET.get_secret_value(), backoff_seconds=pauses)


def submit_settings(environment: Environment) -> submit.Settings:
    """How many jobs are taken."""
    return submit.Settings(slots=environment.slots, most_waiting=environment.MAX_JOBS)

"""The only reader of the environment: names and defaults of the seeds, all mistakes reported at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_MODNET = "https://huggingface.co/Xenova/modnet/resolve/main/onnx"


class SettingsError(Exception):
    """One or more settings are wrong; the text lists each with its value and what was expected."""


class Environment(BaseSettings):
    """Every variable that pixlean reads."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", env_ignore_empty=True)

    PORT: int = Field(8080, ge=0, le=65535, description="server port")
    HOST: str = Field("0.0.0.0", description="address to listen on")  # noqa: S104 - a server in a container
    TLS_CERT_FILE: str = Field("", description="certificate chain (PEM) to serve https with; needs TLS_KEY_FILE")
    TLS_KEY_FILE: str = Field("", description="the certificate's key (PEM)")
    WORKERS: int = Field(1, ge=1, le=1024, description="server processes; more than 1 is not served yet, and said")
    JPEG_ENCODER: str = Field("", description="taken for compatibility: JPEGs are always written by jpegli")
    MAX_FILE_SIZE_MB: float = Field(32, gt=0, le=1024, description="upload limit in MB of 1 048 576 bytes")
    MAX_IMAGE_PIXELS: int = Field(100_000_000, ge=1, description="decoded pixels of one frame")
    DEFAULT_QUALITY: int = Field(80, ge=1, le=100, description="quality where a request names none")
    TOOL_TIMEOUT_SECONDS: float = Field(60, gt=0, le=3600, description="longest time for one picture")
    MAX_JOBS: int = Field(10_000, ge=1, description="jobs that may wait; more are refused with 503")
    WEBHOOK_SECRET: SecretStr = Field(SecretStr(""), description="signs webhooks of keys without a secret of their own")
    WEBHOOK_ALLOWED_NETS: str = Field("", description="networks (CIDR list) that webhooks may go to although private")
    WEBHOOK_ALLOW_HTTP: bool = Field(False, description="let webhooks go to http URLs too")
    WEBHOOK_BACKOFF_SECONDS: str = Field(
        "60, 300, 900, 3600, 10800, 25200, 43200", description="pauses between the tries of a webhook"
    )
    COMPRESSORIZE_FREE_RPM: int = Field(
        20, ge=0, description="Compressorize: requests a minute, plan free; 0 is unlimited"
    )
    COMPRESSORIZE_PAID_RPM: int = Field(100, ge=0, description="Compressorize: the same for all other plans")
    API_KEY: SecretStr = Field(SecretStr(""), description="bearer token; empty is dev mode")
    ALLOWED_ORIGINS: str = Field("*", description="CORS origins, comma-separated")
    COMPRESSION_SEMAPHORE_SIZE: int = Field(0, ge=0, le=1024, description="pictures encoded at a time; 0 is one a core")
    MAX_QUEUE_DEPTH: int = Field(0, ge=0, le=100_000, description="requests that may wait; 0 is twice the slots")
    MEMORY_BUDGET_MB: int = Field(2048, ge=64, description="decoded pixels of all running requests together")
    CHILD_MEMORY_MB: int = Field(1536, ge=256, description="memory of one encoding process")
    BODY_STALL_SECONDS: float = Field(20, gt=0, description="longest pause in an upload")
    BODY_TOTAL_SECONDS: float = Field(120, gt=0, description="longest time for an upload")
    URL_FETCH_TIMEOUT: float = Field(30, gt=0, le=600, description="longest time for fetching a URL, in seconds")
    URL_FETCH_MAX_REDIRECTS: int = Field(5, ge=0, le=20, description="redirects that are followed")
    URL_FETCH_REQUIRE_HTTPS: bool = Field(True, description="refuse http URLs")
    URL_FETCH_ALLOWED_NETS: str = Field("", description="networks (CIDR list) that are allowed although private")
    URL_FETCH_CA_FILE: str = Field("", description="further certificate authorities, a PEM file")
    STORAGE_ALLOWED_BUCKETS: str = Field(
        "", description="buckets that may be written to, comma-separated; empty is any"
    )
    STORAGE_FILE_ROOT: str = Field("", description="folder below which the provider file writes; empty is off")
    STORAGE_EMULATOR_HOST: str = Field("", description="a stand-in for Google Cloud Storage, for tests")
    GOOGLE_APPLICATION_CREDENTIALS: str = Field("", description="service account file for Google Cloud Storage")
    AWS_ACCESS_KEY_ID: str = Field("", description="Amazon's key; read with the other AWS_* names by the S3 client")
    AWS_ENDPOINT_URL: str = Field("", description="a server that speaks S3, in place of Amazon's")
    REDIS_URL: str = Field("", description="Redis for rate limits; empty is no limits")
    RATE_LIMIT_PUBLIC_RPM: int = Field(60, ge=0, description="requests a minute without a key; 0 is unlimited")
    RATE_LIMIT_PUBLIC_BURST: int = Field(10, ge=0, description="requests in ten seconds without a key; 0 is unlimited")
    RATE_LIMIT_AUTH_ENABLED: bool = Field(False, description="limit requests with a key too")
    RATE_LIMIT_AUTH_RPM: int = Field(0, ge=0, description="requests a minute with a key; 0 is unlimited")
    TRUSTED_PROXIES: str = Field("", description="networks (CIDR list) whose X-Forwarded-For is believed")
    PIXLEAN_DATA_DIR: str = Field("./.pixlean", description="folder for everything that this server keeps")
    DATABASE_URL: SecretStr = Field(
        SecretStr(""), description="postgresql+asyncpg://..., for several servers; empty is SQLite in PIXLEAN_DATA_DIR"
    )
    STORAGE_URL: str = Field(
        "", description="s3://bucket/prefix or gs://bucket/prefix for what outlives a request; empty is a folder"
    )
    PUBLIC_URL: str = Field("", description="how clients reach this server, for links in answers; empty is by request")
    CACHE_MAX_MB: int = Field(256, ge=0, description="results kept on disk; 0 is none")
    MAX_UPLOAD_MB: float = Field(25, gt=0, le=1024, description="Feather: upload limit in MB of 1 048 576 bytes")
    MAX_PIXELS: int = Field(100_000_000, ge=1, description="Feather: decoded pixels")
    REQUEST_TIMEOUT_MS: int = Field(60_000, ge=1, le=3_600_000, description="Feather: longest time for one picture")
    RATE_LIMIT_PER_MINUTE: int = Field(60, ge=0, description="Feather: requests a minute and address; 0 is unlimited")
    CORS_ORIGINS: str = Field("", description="Feather: CORS origins, comma-separated, or *")
    MODEL_FULL_URL: str = Field(f"{_MODNET}/model.onnx", description="Feather: where the full model comes from")
    MODEL_QUANTIZED_URL: str = Field(f"{_MODNET}/model_quantized.onnx", description="Feather: the quantized model")
    MODEL_CACHE_DIR: str = Field("", description="Feather: folder that keeps models; empty is memory only")
    MODEL_FETCH_TIMEOUT_MS: int = Field(60_000, ge=1, le=3_600_000, description="Feather: longest time for a model")
    HUGGINGFACE_TOKEN: SecretStr = Field(SecretStr(""), description="Feather: shown to the models' upstream")
    REQUIRE_SANDBOX: bool = Field(False, description="refuse to start without Landlock and seccomp")
    LOG_LEVEL: str = Field("ERROR", description="logging level")

    @field_validator("LOG_LEVEL")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
            raise ValueError("one of DEBUG, INFO, WARNING, ERROR, CRITICAL")
        return value.upper()

    @field_validator("URL_FETCH_ALLOWED_NETS", "TRUSTED_PROXIES", "WEBHOOK_ALLOWED_NETS")
    @classmethod
    def _networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @field_validator("WEBHOOK_BACKOFF_SECONDS")
    @classmethod
    def _pauses(cls, value: str) -> str:
        if not all(0 <= float(part) <= 7 * 86_400 for part in parse_list(value)):
            raise ValueError("seconds, comma-separated")
        return value

    @field_validator("REDIS_URL")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis://, rediss:// or unix://")
        return value

    @field_validator("DATABASE_URL")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        # What hosting services hand out.
        for scheme in ("postgres://", "postgresql://"):
            if text.startswith(scheme):
                return SecretStr("postgresql+asyncpg://" + text.removeprefix(scheme))
        if text and not text.startswith("postgresql+asyncpg://"):
            raise ValueError("postgresql+asyncpg://user:password@host/database")
        return value

    @field_validator("STORAGE_URL")
    @classmethod
    def _store(cls, value: str) -> str:
        if value and not value.startswith(("s3://", "gs://")):
            raise ValueError("s3://bucket/prefix or gs://bucket/prefix")
        return value

    @field_validator("PUBLIC_URL")
    @classmethod
    def _public(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an http or https URL")
        return value.rstrip("/")

    @field_validator("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        # Google's own libraries take this variable without a scheme as well.
        made = value if "://" in value or not value else f"http://{value}"
        if made and not made.startswith(("http://", "https://")):
            raise ValueError("an http or https URL")
        return made.rstrip("/")

    @field_validator("URL_FETCH_CA_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "TLS_CERT_FILE", "TLS_KEY_FILE")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError("a file that can be read")
        return value

    @property
    def traces(self) -> bool:
        """Whether the usual variables ask for traces; the SDK reads them itself."""
        off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        named = any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_"))
        return named and not off

    @property
    def slots(self) -> int:
        """Encoding processes at a time."""
        return self.COMPRESSION_SEMAPHORE_SIZE or os.cpu_count() or 1

    @property
    def depth(self) -> int:
        """Requests that may wait."""
        return self.MAX_QUEUE_DEPTH or 2 * self.slots


def parse_list(text: str) -> tuple[str, ...]:
    """A comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A comma-separated CIDR list as networks. Raises ``ValueError``."""
    return tuple(ip_network(part, strict=False) for part in parse_list(text))


@dataclass(frozen=True)
class Row:
    """One effective setting, for ``pixlean config``."""

    name: str
    value: str
    origin: str
    description: str


@dataclass(frozen=True)
class Loaded:
    """The settings and where each came from."""

    environment: Environment
    rows: tuple[Row, ...] = field(default=())


def load(environ: Mapping[str, str] | None = None) -> Loaded:
    """Read and check every setting. Raises ``SettingsError`` that lists all mistakes."""
    given = os.environ if environ is None else environ
    names = {name: given[name] for name in Environment.model_fields if given.get(name)}
    try:
        environment = Environment(**_typed(names))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, item['loc']))}={names.get(str(item['loc'][0]), '')!r}: {item['msg']}"
            for item in error.errors()
        ]
        raise SettingsError("wrong settings:\n  " + "\n  ".join(lines)) from None
    rows = tuple(
        Row(
            name, str(getattr(environment, name)), "environment" if name in names else "default", info.description or ""
        )
        for name, info in Environment.model_fields.items()
    )
    return Loaded(environment, rows)


def _typed(names: Mapping[str, str]) -> dict[str, Any]:
    return dict(names)

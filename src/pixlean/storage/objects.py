"""Write a result into a bucket: Google Cloud Storage, S3 and what speaks like it, or a folder."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import obstore
from obstore.exceptions import (
    BaseError,
    GenericError,
    InvalidPathError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import GCSStore, LocalStore, S3Store

from pixlean.domain.delivery import Credentials, Delivered, Delivery, Provider
from pixlean.domain.errors import AccessDenied, DeliveryFailed, ErrorCode, InvalidRequest

_LINK_LIFE = timedelta(hours=1)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# What the library sets itself; other headers go along with the request.
_ATTRIBUTES = ("Cache-Control",)
_RETRIES = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which buckets may be written to (empty: any), and where the stores are.

    With ``prefix_by_key`` every key writes below a folder of its own.

    ``gcs_emulator`` and ``s3_endpoint`` replace the public services. ``google_credentials`` is a service account's
    file: without one an emulator is asked without a key, and its links are not signed.
    """

    allowed_buckets: frozenset[str] = frozenset()
    file_root: str = ""
    prefix_by_key: bool = False
    gcs_emulator: str = ""
    google_credentials: str = ""
    s3_endpoint: str = ""
    timeout_seconds: float = 30.0


class ObjectStores:
    """The stores that results may be written to."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, delivery: Delivery) -> None:
        """Raise ``AccessDenied`` (``delivery_forbidden``) or ``InvalidRequest`` where it must not be written there."""
        if not _BUCKET.fullmatch(delivery.bucket) or ".." in delivery.bucket:
            raise InvalidRequest("the bucket's name is none that a store takes")
        allowed = self.settings.allowed_buckets
        if allowed and delivery.bucket not in allowed:
            raise AccessDenied("this server does not write to that bucket", code=ErrorCode.DELIVERY_FORBIDDEN)
        if delivery.provider is Provider.FILE and not self.settings.file_root:
            raise AccessDenied("this server stores no files: STORAGE_FILE_ROOT is not set",
                               code=ErrorCode.DELIVERY_FORBIDDEN)  # fmt: skip

    async def put(self, data: bytes, media_type: str, delivery: Delivery) -> Delivered:
        """Write an object and say where it is. Raises ``DeliveryFailed``; what the store said is not passed on."""
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                store = self._store(delivery)
                await self._write(store, data, media_type, delivery)
                url = await self._link(store, delivery)
        except (PermissionDeniedError, UnauthenticatedError) as error:
            if delivery.credentials is None:
                raise DeliveryFailed("the result could not be stored") from error
            raise AccessDenied("the store refused the credentials", code=ErrorCode.DELIVERY_FORBIDDEN) from error
        except (InvalidPathError, ValueError) as error:
            # No store takes such a path or header: it was not the store that failed.
            raise InvalidRequest("'storage' names a path or header that no store takes") from error
        except (BaseError, OSError, TimeoutError) as error:
            raise DeliveryFailed("the result could not be stored") from error
        plain = self._plain_url(delivery)
        return Delivered(
            provider=delivery.provider, url=url, plain_url=plain, public_url=plain if delivery.public else None
        )

    async def _write(
        self, store: GCSStore | S3Store | LocalStore, data: bytes, media_type: str, delivery: Delivery
    ) -> None:
        attributes = {} if delivery.provider is Provider.FILE else {"Content-Type": media_type}
        attributes |= {name: value for name, value in delivery.headers if name in _ATTRIBUTES}
        try:
            await obstore.put_async(store, delivery.path, data, attributes=attributes)
        except GenericError as error:
            # Emulators of Google's store leave out the ETag that the library asks for after it has written.
            if not (self.settings.gcs_emulator and "MissingEtag" in str(error)):
                raise

    def _store(self, delivery: Delivery) -> GCSStore | S3Store | LocalStore:
        settings = self.settings
        options: dict[str, Any] = {"timeout": timedelta(seconds=settings.timeout_seconds)}
        if delivery.provider is Provider.FILE:
            return LocalStore(Path(settings.file_root) / delivery.bucket, mkdir=True)
        more = {name: value for name, value in delivery.headers if name not in _ATTRIBUTES}
        if delivery.provider is Provider.S3:
            # No ACL: the client can't sign one, Amazon refuses it unsigned, and new buckets take none. What is public
            # there is said by the bucket's policy.
            options["default_headers"] = more
            config: dict[str, Any] = _s3_access(delivery.credentials) if delivery.credentials else {}
            if settings.s3_endpoint:
                options["allow_http"] = True
                config |= {"endpoint": settings.s3_endpoint, "virtual_hosted_style_request": False}
            return S3Store(delivery.bucket, config=config, client_options=options, retry_config=_RETRIES)  # type: ignore[arg-type]
        headers = {**more, **({"x-goog-acl": "public-read"} if delivery.public else {})}
        if delivery.project:
            headers["x-goog-user-project"] = delivery.project
        options["default_headers"] = headers
        config = {}
        if settings.gcs_emulator:
            options["allow_http"] = True
            config = {"base_url": settings.gcs_emulator, "bearer_token": "emulator"}
        if delivery.credentials is not None:
            config["bearer_token"] = delivery.credentials.secret
        elif settings.google_credentials:
            # With a token of its own the client signs by a service account only.
            kind = "service_account" if settings.gcs_emulator else "application_credentials"
            config[kind] = settings.google_credentials
        return GCSStore(delivery.bucket, config=config, client_options=options, retry_config=_RETRIES)  # type: ignore[arg-type]

    async def _link(self, store: GCSStore | S3Store | LocalStore, delivery: Delivery) -> str:
        unsigned = self.settings.gcs_emulator and not self.settings.google_credentials
        if (
            delivery.credentials is not None
            or isinstance(store, LocalStore)
            or (delivery.provider is Provider.GCS and unsigned)
        ):
            return self._plain_url(delivery)
        return await obstore.sign_async(store, "GET", delivery.path, _LINK_LIFE)

    def _plain_url(self, delivery: Delivery) -> str:
        settings, place = self.settings, f"{delivery.bucket}/{quote(delivery.path)}"
        if delivery.provider is Provider.FILE:
            return (Path(settings.file_root).resolve() / delivery.bucket / delivery.path).as_uri()
        if delivery.provider is Provider.GCS:
            return f"{settings.gcs_emulator or 'https://storage.googleapis.com'}/{place}"
        if settings.s3_endpoint:
            return f"{settings.s3_endpoint.rstrip('/')}/{place}"
        if delivery.credentials is not None:
            return f"https://s3.{delivery.credentials.region}.amazonaws.com/{place}"
        return f"https://{delivery.bucket}.s3.amazonaws.com/{quote(delivery.path)}"


def _s3_access(credentials: Credentials) -> dict[str, Any]:
    session = {"session_token": credentials.session_token} if credentials.session_token else {}
    return {
        "access_key_id": credentials.key_id,
        "secret_access_key": credentials.secret,
        "region": credentials.region,
        **session,
    }

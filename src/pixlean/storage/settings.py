"""What the operator decides of objects: other people's buckets, this server's own store, the cache of results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pixlean.domain.settings import Kind, beginning, flag, listed, one_of, setting, text, web_address, whole
from pixlean.storage import blobs, buckets, objects

_MB = 1 << 20


def _file(given: str) -> str:
    if not Path(given).is_file():
        raise ValueError("a file that can be read")
    return given


def _endpoint(given: str) -> str:
    # Google's own libraries take this variable without a scheme as well.
    return web_address(given if "://" in given else f"http://{given}")


def _buckets(given: str) -> tuple[str, ...]:
    urls = tuple(part.strip().rstrip("/") + "/" for part in given.split(",") if part.strip())
    if not all(re.fullmatch(r"(?:s3|gs)://[a-z0-9][a-z0-9._-]+/(?:[^\s?#]+/)?", url) for url in urls):
        raise ValueError("s3://bucket or gs://bucket/prefix, comma-separated")
    return urls


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where objects are."""

    allowed_buckets: tuple[str, ...] = setting(
        "STORAGE_ALLOWED_BUCKETS", "", listed(), "buckets that may be written to, comma-separated; empty is any"
    )
    prefix_by_key: bool = setting(
        "STORAGE_PREFIX_BY_KEY", "false", flag(),
        "put what a key stores below a folder of its own: no key overwrites another's",
    )  # fmt: skip
    file_root: str = setting(
        "STORAGE_FILE_ROOT", "", text(), "folder below which the provider file writes; empty is off"
    )
    gcs_emulator: str = setting(
        "STORAGE_EMULATOR_HOST", "", text(_endpoint), "a stand-in for Google Cloud Storage, for tests"
    )
    google_credentials: str = setting(
        "GOOGLE_APPLICATION_CREDENTIALS", "", text(_file), "service account file for Google Cloud Storage"
    )
    s3_key_id: str = setting(
        "AWS_ACCESS_KEY_ID", "", text(), "Amazon's key; read with the other AWS_* names by the S3 client"
    )
    s3_endpoint: str = setting("AWS_ENDPOINT_URL", "", text(_endpoint), "a server that speaks S3, in place of Amazon's")
    own_url: str = setting(
        "STORAGE_URL", "", text(beginning("s3://", "gs://", form="s3://bucket/prefix or gs://bucket/prefix")),
        "s3://bucket/prefix or gs://bucket/prefix for what outlives a request; empty is a folder",
    )  # fmt: skip
    own_links: str = setting(
        "STORAGE_LINKS", "auto", one_of("auto", "store", "server"),
        "who hands out results that lie in STORAGE_URL: the store, by links signed for an hour, or this server; "
        "auto is the store unless AWS_ENDPOINT_URL or STORAGE_EMULATOR_HOST replaces the public one",
    )  # fmt: skip
    own_most_bytes: int = setting(
        "STORED_MAX_MB", "4096", whole(0, times=_MB), "outputs, inputs and results that are kept; 0 is no bound"
    )
    cache_bytes: int = setting("CACHE_MAX_MB", "256", whole(0, times=_MB), "results kept on disk; 0 is none")
    readable_buckets: tuple[str, ...] = setting(
        "SOURCE_ALLOWED_BUCKETS", "", Kind(read=_buckets),
        "buckets that url may name with this server's credentials, as s3://bucket or gs://bucket/prefix, "
        "comma-separated; empty is none",
    )  # fmt: skip
    pictures_bytes: int = setting(
        "IMG_CACHE_MAX_MB", "1024", whole(0, times=_MB), "pictures by URL that are kept on disk; 0 is none"
    )

    @property
    def takes_callers_objects(self) -> bool:
        """Whether there is any place that callers could have results written to."""
        places = (self.file_root, self.google_credentials, self.s3_endpoint, self.gcs_emulator, self.s3_key_id)
        return any(places)

    @property
    def _are_links_the_stores(self) -> bool:
        # A store at an address of the operator's own need not be one that clients reach.
        is_public = not (self.s3_endpoint if self.own_url.startswith("s3://") else self.gcs_emulator)
        return bool(self.own_url) and (self.own_links == "store" or (self.own_links == "auto" and is_public))

    @property
    def stores(self) -> buckets.Stores:
        """Where buckets are that this server reads."""
        return buckets.Stores(s3_endpoint=self.s3_endpoint, gcs_emulator=self.gcs_emulator)

    def objects(self) -> objects.Settings:
        """Where other people's buckets are."""
        return objects.Settings(
            allowed_buckets=frozenset(self.allowed_buckets),
            file_root=self.file_root,
            prefix_by_key=self.prefix_by_key,
            gcs_emulator=self.gcs_emulator,
            google_credentials=self.google_credentials,
            s3_endpoint=self.s3_endpoint,
        )

    def blobs(self, data_folder: Path) -> blobs.Settings:
        """Where this server's own objects are."""
        return blobs.Settings(
            folder=data_folder / "objects",
            url=self.own_url,
            most_bytes=self.own_most_bytes,
            signs_links=self._are_links_the_stores,
            s3_endpoint=self.s3_endpoint,
            gcs_emulator=self.gcs_emulator,
        )

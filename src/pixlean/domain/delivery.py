"""Where an answer goes, and where it then is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pixlean.domain.errors import InvalidRequest

_MOST_PATH_BYTES = 1024  # the limit of S3 and of Google


class Provider(StrEnum):
    """A kind of object store."""

    GCS = "gcs"
    S3 = "s3"
    FILE = "file"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A caller's access to their own bucket: a key pair with its region for S3, a token (``secret``) for Google."""

    secret: str = field(repr=False)
    key_id: str = ""
    session_token: str = field(default="", repr=False)
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """An object to be written: ``path`` is relative and normalised.

    ``credentials`` are the caller's own, ``None`` for those of this server. ``headers`` are kept with the object.
    """

    provider: Provider
    bucket: str
    path: str
    project: str | None = None
    public: bool = False
    credentials: Credentials | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """Where the object is: ``url`` is signed and good for an hour where the store can sign."""

    provider: Provider
    url: str
    plain_url: str
    public_url: str | None


def normal_path(path: str, name: str) -> str:
    """An object's path without leading slash, empty and ``.`` segments; ``name`` is what the caller calls it.

    Raises ``InvalidRequest`` where it is empty, too long, climbs with ``..`` or holds control characters.
    """
    if any(ord(character) < 32 or ord(character) == 127 for character in path) or "\\" in path:
        raise InvalidRequest(f"'{name}' holds characters that no path has")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidRequest(f"'{name}' leads out of the bucket")
    made = "/".join(parts)
    if not made or path.endswith("/"):
        raise InvalidRequest(f"'{name}' names no object")
    if len(made.encode("utf-8", "surrogatepass")) > _MOST_PATH_BYTES:
        raise InvalidRequest(f"'{name}' is longer than {_MOST_PATH_BYTES} bytes")
    return made

"""Signed paths: an HMAC says that whoever wrote a URL knows a key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from pixlean.domain.errors import AccessDenied, ErrorCode

_WHOLE_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class PathKey:
    """A secret, and a salt that is signed before the path."""

    secret: bytes = field(repr=False)
    salt: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Signatures:
    """Signs with the first key and takes what any of them signed, so that keys can be changed one by one.

    ``size_bytes`` of the HMAC are written, URL-safe base64 without padding. A longer one, up to the whole, is taken
    as well.
    """

    keys: tuple[PathKey, ...]
    size_bytes: int = _WHOLE_BYTES

    def sign(self, path: str) -> str:
        """The signature of a path, as it goes into a URL."""
        return base64.urlsafe_b64encode(_digest(self.keys[0], path)[: self.size_bytes]).rstrip(b"=").decode()

    def check(self, signature: str, path: str) -> None:
        """Raise ``AccessDenied`` (``bad_signature``) where no key signed this path; takes the same time for each."""
        shown = _decoded(signature)
        fits = False
        for key in self.keys:
            wanted = _digest(key, path)[: max(self.size_bytes, min(len(shown), _WHOLE_BYTES))]
            fits |= hmac.compare_digest(wanted, shown)
        if not fits:
            raise AccessDenied("the URL is not signed with a key of this server", code=ErrorCode.BAD_SIGNATURE)


def _digest(key: PathKey, path: str) -> bytes:
    return hmac.new(key.secret, key.salt + path.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature.rstrip("=") + "=" * (-len(signature.rstrip("=")) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""

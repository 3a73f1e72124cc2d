"""Everything that can go wrong, grouped by who must act.

PixleanError
├── InvalidRequest      the caller must change the request
├── AccessDenied        the caller must show another key
├── LimitExceeded       the caller must send less, or the operator allow more
├── BadImage            the picture itself is wrong or not a picture
├── SourceFailed        a URL could not be fetched
├── DeliveryFailed      a result could not be stored
├── Unavailable         try again later
└── EngineFailed        ours: a codec failed, hung or broke a promise
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class ErrorCode(StrEnum):
    """The stable name of one fault; each dialect has a word for each of them."""

    INVALID_REQUEST = "invalid_request"
    MALFORMED_BODY = "malformed_body"
    WRONG_MEDIA_TYPE = "wrong_media_type"
    MISSING_FILE = "missing_file"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TARGET_TOO_LONG = "target_too_long"
    HEAD_TOO_LARGE = "head_too_large"
    KEY_REUSED = "key_reused"
    BODY_TIMEOUT = "body_timeout"
    UNAUTHORIZED = "unauthorized"
    BODY_TOO_LARGE = "body_too_large"
    IMAGE_TOO_LARGE = "image_too_large"
    UNSUPPORTED_FORMAT = "unsupported_format"
    BAD_IMAGE = "bad_image"
    POISONED_INPUT = "poisoned_input"
    SOURCE_BLOCKED = "source_blocked"
    SOURCE_FAILED = "source_failed"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERY_FORBIDDEN = "delivery_forbidden"
    RATE_LIMITED = "rate_limited"
    NOT_READY = "not_ready"
    LINK_EXPIRED = "link_expired"
    BAD_SIGNATURE = "bad_signature"
    QUOTA_EXCEEDED = "quota_exceeded"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
    STATE_LOST = "state_lost"
    STORE_LOST = "store_lost"
    TIMEOUT = "timeout"
    CHILD_DIED = "child_died"
    ENGINE_FAILED = "engine_failed"
    INTERNAL = "internal"


class PixleanError(Exception):
    """A fault with a stable code, words for people and facts for machines."""

    code = ErrorCode.INTERNAL

    def __init__(
        self, message: str, *, code: ErrorCode | None = None, facts: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.facts: dict[str, object] = dict(facts or {})


class InvalidRequest(PixleanError):
    """The request can't be understood; the message names the field."""

    code = ErrorCode.INVALID_REQUEST


class NotThere(InvalidRequest):
    """What the request names does not exist here."""

    code = ErrorCode.NOT_FOUND


class AccessDenied(PixleanError):
    """The key is missing, wrong, or not allowed to do this."""

    code = ErrorCode.UNAUTHORIZED


class LimitExceeded(PixleanError):
    """Something is larger than a limit; the message names the limit and the value."""

    code = ErrorCode.IMAGE_TOO_LARGE


class BadImage(PixleanError):
    """The bytes are no picture, or a picture that does not decode."""

    code = ErrorCode.BAD_IMAGE


class SourceFailed(PixleanError):
    """The URL could not be fetched, or must not be."""

    code = ErrorCode.SOURCE_FAILED


class SourceMissing(SourceFailed):
    """There is nothing at the URL: its server says so."""


class DeliveryFailed(PixleanError):
    """The result could not be stored where it was wanted."""

    code = ErrorCode.DELIVERY_FAILED


class Unavailable(PixleanError):
    """The server can't take this now; trying again later may work."""

    code = ErrorCode.OVERLOADED


class EngineFailed(PixleanError):
    """A codec failed, hung, died or broke a promise."""

    code = ErrorCode.ENGINE_FAILED


def error_for(code: ErrorCode, message: str, facts: Mapping[str, object] | None = None) -> PixleanError:
    """Build the error of the right branch for ``code``: how a child's word becomes our exception."""
    return _BRANCH.get(code, PixleanError)(message, code=code, facts=facts)


_BRANCH: dict[ErrorCode, type[PixleanError]] = {
    ErrorCode.INVALID_REQUEST: InvalidRequest,
    ErrorCode.MALFORMED_BODY: InvalidRequest,
    ErrorCode.UNAUTHORIZED: AccessDenied,
    ErrorCode.BODY_TOO_LARGE: LimitExceeded,
    ErrorCode.IMAGE_TOO_LARGE: LimitExceeded,
    ErrorCode.UNSUPPORTED_FORMAT: BadImage,
    ErrorCode.BAD_IMAGE: BadImage,
    ErrorCode.POISONED_INPUT: BadImage,
    ErrorCode.SOURCE_BLOCKED: SourceFailed,
    ErrorCode.SOURCE_FAILED: SourceFailed,
    ErrorCode.DELIVERY_FAILED: DeliveryFailed,
    ErrorCode.DELIVERY_FORBIDDEN: AccessDenied,
    ErrorCode.RATE_LIMITED: Unavailable,
    ErrorCode.OVERLOADED: Unavailable,
    ErrorCode.SHUTTING_DOWN: Unavailable,
    ErrorCode.STATE_LOST: Unavailable,
    ErrorCode.STORE_LOST: Unavailable,
    ErrorCode.TIMEOUT: EngineFailed,
    ErrorCode.CHILD_DIED: EngineFailed,
    ErrorCode.ENGINE_FAILED: EngineFailed,
}

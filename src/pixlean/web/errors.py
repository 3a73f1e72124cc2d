"""How faults are usually told over HTTP: a dialect names what its API documents, and the rest comes from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode as Code
from pixlean.domain.errors import PixleanError
from pixlean.web.answers import error_headers

_Word = TypeVar("_Word")

# Status and word. Codes that are not here are told as another one is.
USUAL: Mapping[Code, tuple[int, str]] = {
    Code.INVALID_REQUEST: (400, "bad_request"),
    Code.NOT_FOUND: (404, "not_found"),
    Code.METHOD_NOT_ALLOWED: (405, "method_not_allowed"),
    Code.BODY_TIMEOUT: (408, "request_timeout"),
    Code.UNAUTHORIZED: (401, "unauthorized"),
    Code.BODY_TOO_LARGE: (413, "file_too_large"),
    Code.IMAGE_TOO_LARGE: (413, "image_too_large"),
    Code.UNSUPPORTED_FORMAT: (415, "unsupported_format"),
    Code.BAD_IMAGE: (422, "invalid_image"),
    Code.SOURCE_BLOCKED: (400, "source_blocked"),
    Code.SOURCE_FAILED: (422, "source_failed"),
    Code.DELIVERY_FAILED: (502, "storage_failed"),
    Code.DELIVERY_FORBIDDEN: (403, "forbidden"),
    Code.RATE_LIMITED: (429, "rate_limit_exceeded"),
    Code.NOT_READY: (422, "not_ready"),
    Code.LINK_EXPIRED: (403, "link_expired"),
    Code.BAD_SIGNATURE: (403, "invalid_signature"),
    Code.OVERLOADED: (503, "service_overloaded"),
    Code.STATE_LOST: (503, "service_unavailable"),
    Code.STORE_LOST: (503, "service_unavailable"),
    Code.TIMEOUT: (500, "timeout"),
    Code.ENGINE_FAILED: (500, "processing_failed"),
    Code.INTERNAL: (500, "internal_error"),
}

# Told as this other fault is, status and word.
_SAME = {
    Code.MALFORMED_BODY: Code.INVALID_REQUEST,
    Code.WRONG_MEDIA_TYPE: Code.INVALID_REQUEST,
    Code.MISSING_FILE: Code.INVALID_REQUEST,
    Code.POISONED_INPUT: Code.BAD_IMAGE,
    Code.CHILD_DIED: Code.BAD_IMAGE,
    Code.QUOTA_EXCEEDED: Code.RATE_LIMITED,
    Code.SHUTTING_DOWN: Code.OVERLOADED,
}

# Wrong requests for which HTTP has a status of its own; the word is that of any wrong request.
_WRONG = {Code.TARGET_TOO_LONG: 414, Code.HEAD_TOO_LARGE: 431, Code.KEY_REUSED: 422}


def told(documented: Mapping[Code, tuple[int, _Word]], spell: Callable[[str], _Word]) -> dict[Code, tuple[int, _Word]]:
    """Status and word of every code: what an API documents, and the usual as it would ``spell`` it."""
    table = {code: (status, spell(word)) for code, (status, word) in USUAL.items()} | dict(documented)
    for code, other in _SAME.items():
        table.setdefault(code, table[other])
    for code, status in _WRONG.items():
        table.setdefault(code, (status, table[Code.INVALID_REQUEST][1]))
    return table


_TABLE = told({}, str)


def show_error(error: PixleanError) -> Response:
    """``{"error", "message"}`` with the usual status: for paths that no API owns."""
    status, word = _TABLE[error.code]
    body = {"error": word, "message": error.message}
    return JSONResponse(body, status_code=status, headers=error_headers(error, status))

"""Our codes in Feather's words."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from pixlean.access.rate import RateExceeded
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers, rate_headers

ERRORS: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.INVALID_REQUEST: (400, "INVALID_INPUT"),
    ErrorCode.MALFORMED_BODY: (400, "INVALID_INPUT"),
    ErrorCode.WRONG_MEDIA_TYPE: (400, "INVALID_INPUT"),
    ErrorCode.MISSING_FILE: (400, "INVALID_INPUT"),
    ErrorCode.MISSING_SIDES: (400, "INVALID_INPUT"),
    ErrorCode.NOT_FOUND: (404, "NOT_FOUND"),
    ErrorCode.METHOD_NOT_ALLOWED: (405, "METHOD_NOT_ALLOWED"),
    ErrorCode.BODY_TIMEOUT: (408, "REQUEST_TIMEOUT"),
    ErrorCode.UNAUTHORIZED: (401, "UNAUTHORIZED"),
    ErrorCode.BODY_TOO_LARGE: (413, "FILE_TOO_LARGE"),
    ErrorCode.IMAGE_TOO_LARGE: (422, "TOO_MANY_PIXELS"),
    ErrorCode.UNSUPPORTED_FORMAT: (415, "UNSUPPORTED_FORMAT"),
    ErrorCode.BAD_IMAGE: (422, "INVALID_IMAGE"),
    ErrorCode.POISONED_INPUT: (422, "INVALID_IMAGE"),
    ErrorCode.SOURCE_BLOCKED: (502, "MODEL_FETCH_FAILED"),
    ErrorCode.SOURCE_FAILED: (502, "MODEL_FETCH_FAILED"),
    ErrorCode.DELIVERY_FAILED: (500, "INTERNAL_ERROR"),
    ErrorCode.DELIVERY_FORBIDDEN: (403, "FORBIDDEN"),
    ErrorCode.RATE_LIMITED: (429, "RATE_LIMIT_EXCEEDED"),
    ErrorCode.NOT_READY: (422, "NOT_READY"),
    ErrorCode.LINK_EXPIRED: (403, "LINK_EXPIRED"),
    ErrorCode.BAD_SIGNATURE: (403, "INVALID_SIGNATURE"),
    ErrorCode.QUOTA_EXCEEDED: (429, "RATE_LIMIT_EXCEEDED"),
    ErrorCode.OVERLOADED: (503, "SERVICE_OVERLOADED"),
    ErrorCode.SHUTTING_DOWN: (503, "SERVICE_OVERLOADED"),
    ErrorCode.STATE_LOST: (503, "SERVICE_UNAVAILABLE"),
    ErrorCode.STORE_LOST: (503, "SERVICE_UNAVAILABLE"),
    ErrorCode.TIMEOUT: (504, "TIMEOUT"),
    ErrorCode.CHILD_DIED: (422, "INVALID_IMAGE"),
    ErrorCode.ENGINE_FAILED: (500, "PROCESSING_FAILED"),
    ErrorCode.NOT_IMPLEMENTED: (501, "NOT_IMPLEMENTED"),
    ErrorCode.INTERNAL: (500, "INTERNAL_ERROR"),
}


def show_error(error: PixleanError) -> Response:
    """``{"error": {"code", "message", "details"?}}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    if isinstance(error, RateExceeded):
        headers |= rate_headers(error.standing)
    body: dict[str, object] = {"code": word, "message": error.message}
    if error.facts:
        body["details"] = error.facts
    return JSONResponse({"error": body}, status_code=status, headers=headers)

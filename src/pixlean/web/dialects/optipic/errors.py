"""Our codes in OptiPic's words."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers

ERRORS: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.INVALID_REQUEST: (400, "invalid_parameter"),
    ErrorCode.MALFORMED_BODY: (400, "invalid_body"),
    ErrorCode.WRONG_MEDIA_TYPE: (400, "invalid_content_type"),
    ErrorCode.MISSING_FILE: (400, "missing_file"),
    ErrorCode.MISSING_SIDES: (400, "missing_dimensions"),
    ErrorCode.NOT_FOUND: (404, "not_found"),
    ErrorCode.METHOD_NOT_ALLOWED: (405, "method_not_allowed"),
    ErrorCode.BODY_TIMEOUT: (408, "request_timeout"),
    ErrorCode.UNAUTHORIZED: (401, "invalid_api_key"),
    ErrorCode.BODY_TOO_LARGE: (413, "file_too_large"),
    ErrorCode.IMAGE_TOO_LARGE: (413, "image_too_large"),
    ErrorCode.UNSUPPORTED_FORMAT: (415, "unsupported_format"),
    ErrorCode.BAD_IMAGE: (500, "processing_error"),
    ErrorCode.POISONED_INPUT: (500, "processing_error"),
    ErrorCode.SOURCE_BLOCKED: (400, "invalid_parameter"),
    ErrorCode.SOURCE_FAILED: (400, "invalid_parameter"),
    ErrorCode.DELIVERY_FAILED: (500, "processing_error"),
    ErrorCode.DELIVERY_FORBIDDEN: (403, "forbidden"),
    ErrorCode.RATE_LIMITED: (429, "rate_limit_exceeded"),
    ErrorCode.NOT_READY: (422, "not_ready"),
    ErrorCode.LINK_EXPIRED: (403, "link_expired"),
    ErrorCode.BAD_SIGNATURE: (403, "invalid_signature"),
    ErrorCode.QUOTA_EXCEEDED: (429, "rate_limit_exceeded"),
    ErrorCode.OVERLOADED: (503, "service_overloaded"),
    ErrorCode.SHUTTING_DOWN: (503, "service_overloaded"),
    ErrorCode.STATE_LOST: (503, "service_unavailable"),
    ErrorCode.STORE_LOST: (503, "service_unavailable"),
    ErrorCode.TIMEOUT: (500, "processing_error"),
    ErrorCode.CHILD_DIED: (500, "processing_error"),
    ErrorCode.ENGINE_FAILED: (500, "processing_error"),
    ErrorCode.NOT_IMPLEMENTED: (501, "not_implemented"),
    ErrorCode.INTERNAL: (500, "processing_error"),
}


def show_error(error: PixleanError) -> Response:
    """``{"error", "message", ...facts}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": word, "message": error.message, **error.facts}, status_code=status, headers=headers)

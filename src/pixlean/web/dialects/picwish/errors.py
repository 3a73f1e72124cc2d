"""Our codes in PicWish's words: the HTTP status, and the state of a task that failed by it."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers

FAILED, NOT_FETCHED, INVALID_IMAGE, TIMED_OUT = -1, -3, -7, -8

ERRORS: dict[ErrorCode, tuple[int, int]] = {
    ErrorCode.INVALID_REQUEST: (400, FAILED),
    ErrorCode.MALFORMED_BODY: (400, FAILED),
    ErrorCode.WRONG_MEDIA_TYPE: (400, FAILED),
    ErrorCode.MISSING_FILE: (400, FAILED),
    ErrorCode.MISSING_SIDES: (400, FAILED),
    ErrorCode.NOT_FOUND: (404, FAILED),
    ErrorCode.METHOD_NOT_ALLOWED: (405, FAILED),
    ErrorCode.BODY_TIMEOUT: (408, FAILED),
    ErrorCode.UNAUTHORIZED: (401, FAILED),
    ErrorCode.BODY_TOO_LARGE: (413, INVALID_IMAGE),
    ErrorCode.IMAGE_TOO_LARGE: (413, INVALID_IMAGE),
    ErrorCode.UNSUPPORTED_FORMAT: (415, INVALID_IMAGE),
    ErrorCode.BAD_IMAGE: (422, INVALID_IMAGE),
    ErrorCode.POISONED_INPUT: (422, INVALID_IMAGE),
    ErrorCode.SOURCE_BLOCKED: (400, NOT_FETCHED),
    ErrorCode.SOURCE_FAILED: (422, NOT_FETCHED),
    ErrorCode.DELIVERY_FAILED: (500, FAILED),
    ErrorCode.DELIVERY_FORBIDDEN: (403, FAILED),
    ErrorCode.RATE_LIMITED: (429, FAILED),
    ErrorCode.NOT_READY: (422, FAILED),
    ErrorCode.LINK_EXPIRED: (403, FAILED),
    ErrorCode.BAD_SIGNATURE: (403, FAILED),
    ErrorCode.QUOTA_EXCEEDED: (429, FAILED),
    ErrorCode.OVERLOADED: (503, FAILED),
    ErrorCode.SHUTTING_DOWN: (503, FAILED),
    ErrorCode.STATE_LOST: (503, FAILED),
    ErrorCode.STORE_LOST: (503, FAILED),
    ErrorCode.TIMEOUT: (500, TIMED_OUT),
    ErrorCode.CHILD_DIED: (500, INVALID_IMAGE),
    ErrorCode.ENGINE_FAILED: (500, FAILED),
    ErrorCode.NOT_IMPLEMENTED: (501, FAILED),
    ErrorCode.INTERNAL: (500, FAILED),
}


def show_error(error: PixleanError) -> Response:
    """``{"status", "message"}`` with the right status."""
    status = ERRORS[error.code][0]
    body = {"status": status, "message": error.message}
    return JSONResponse(body, status_code=status, headers=error_headers(error, status))

"""Our codes in PicWish's words: the HTTP status, and the state of a task that failed by it."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers
from pixlean.web.errors import told

FAILED, NOT_FETCHED, INVALID_IMAGE, TIMED_OUT = -1, -3, -7, -8

ERRORS: Mapping[ErrorCode, tuple[int, int]] = told(
    {
        ErrorCode.BODY_TOO_LARGE: (413, INVALID_IMAGE),
        ErrorCode.IMAGE_TOO_LARGE: (413, INVALID_IMAGE),
        ErrorCode.UNSUPPORTED_FORMAT: (415, INVALID_IMAGE),
        ErrorCode.BAD_IMAGE: (422, INVALID_IMAGE),
        ErrorCode.SOURCE_BLOCKED: (400, NOT_FETCHED),
        ErrorCode.SOURCE_FAILED: (422, NOT_FETCHED),
        ErrorCode.DELIVERY_FAILED: (500, FAILED),
        ErrorCode.TIMEOUT: (500, TIMED_OUT),
        ErrorCode.CHILD_DIED: (500, INVALID_IMAGE),
    },
    lambda _: FAILED,
)


def show_error(error: PixleanError) -> Response:
    """``{"status", "message"}`` with the right status."""
    status = ERRORS[error.code][0]
    body = {"status": status, "message": error.message}
    return JSONResponse(body, status_code=status, headers=error_headers(error, status))

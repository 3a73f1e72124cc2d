"""Our codes as imgproxy tells them: a status and a line of text."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, PlainTextResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (422, "Invalid processing options"),
        ErrorCode.NOT_FOUND: (404, "Invalid URL"),
        ErrorCode.BAD_SIGNATURE: (403, "Forbidden"),
        ErrorCode.SOURCE_BLOCKED: (404, "Invalid source"),
        ErrorCode.SOURCE_FAILED: (404, "Source image is unreachable"),
        ErrorCode.BODY_TOO_LARGE: (422, "Invalid source image"),
        ErrorCode.IMAGE_TOO_LARGE: (422, "Invalid source image"),
        ErrorCode.UNSUPPORTED_FORMAT: (422, "Invalid source image"),
        ErrorCode.BAD_IMAGE: (422, "Invalid source image"),
        ErrorCode.TIMEOUT: (503, "Timeout"),
        ErrorCode.OVERLOADED: (429, "Too many requests"),
    },
    str,
)


def show_error(error: PixleanError) -> Response:
    """A line of text: imgproxy's words, then ours."""
    status, word = ERRORS[error.code]
    return PlainTextResponse(f"{word}: {error.message}", status_code=status, headers=error_headers(error, status))


def describe_error(error: PixleanError) -> Response:
    """The same as JSON, for paths below it that are none of its URLs."""
    status, word = ERRORS[error.code]
    body = {"error": word, "message": error.message}
    return JSONResponse(body, status_code=status, headers=error_headers(error, status))

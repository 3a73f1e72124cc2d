"""Our codes in OptiPic's words."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, InvalidRequest, PixleanError
from pixlean.web.answers import error_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (400, "invalid_parameter"),
        ErrorCode.MALFORMED_BODY: (400, "invalid_body"),
        ErrorCode.WRONG_MEDIA_TYPE: (400, "invalid_content_type"),
        ErrorCode.MISSING_FILE: (400, "missing_file"),
        ErrorCode.UNAUTHORIZED: (401, "invalid_api_key"),
        ErrorCode.BODY_TOO_LARGE: (413, "file_too_large"),
        ErrorCode.UNSUPPORTED_FORMAT: (415, "unsupported_format"),
        ErrorCode.BAD_IMAGE: (500, "processing_error"),
        ErrorCode.SOURCE_BLOCKED: (400, "invalid_parameter"),
        ErrorCode.SOURCE_FAILED: (400, "invalid_parameter"),
        ErrorCode.DELIVERY_FAILED: (500, "processing_error"),
        ErrorCode.RATE_LIMITED: (429, "rate_limit_exceeded"),
        ErrorCode.TIMEOUT: (500, "processing_error"),
        ErrorCode.ENGINE_FAILED: (500, "processing_error"),
        ErrorCode.INTERNAL: (500, "processing_error"),
    },
    str,
)


class MissingSides(InvalidRequest):
    """A resize that names neither side; OptiPic has a word of its own for it."""


def show_error(error: PixleanError) -> Response:
    """``{"error", "message", ...facts}`` with the right status."""
    status, word = (400, "missing_dimensions") if isinstance(error, MissingSides) else ERRORS[error.code]
    headers = error_headers(error, status)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": word, "message": error.message, **error.facts}, status_code=status, headers=headers)

"""Our codes in Compressorize's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from pixlean.access.rate import RateExceeded
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers, rate_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (400, "invalid_param"),
        ErrorCode.WRONG_MEDIA_TYPE: (400, "missing_source"),
        ErrorCode.MISSING_FILE: (400, "missing_source"),
        ErrorCode.UNAUTHORIZED: (401, "unauthorized"),
        ErrorCode.BODY_TOO_LARGE: (413, "file_too_large"),
        ErrorCode.UNSUPPORTED_FORMAT: (415, "unsupported_format"),
        ErrorCode.BAD_IMAGE: (500, "compression_failed"),
        ErrorCode.SOURCE_BLOCKED: (400, "invalid_url"),
        ErrorCode.SOURCE_FAILED: (422, "fetch_failed"),
        ErrorCode.DELIVERY_FAILED: (500, "compression_failed"),
        ErrorCode.RATE_LIMITED: (429, "rate_limit_exceeded"),
        ErrorCode.TIMEOUT: (500, "compression_failed"),
        ErrorCode.ENGINE_FAILED: (500, "compression_failed"),
        ErrorCode.INTERNAL: (500, "compression_failed"),
    },
    str,
)


def show_error(error: PixleanError) -> Response:
    """``{"error": {"code", "message", "param"?}}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    message = error.message
    if isinstance(error, RateExceeded):
        headers |= rate_headers(error.standing)
        reset = datetime.fromtimestamp(error.standing.reset_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = f"Too many requests: {error.standing.limit} a minute are allowed. The limit resets at {reset}"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"code": word, "message": message}
    if word == "invalid_param" and "param" in error.facts:
        body["param"] = str(error.facts["param"])
    return JSONResponse({"error": body}, status_code=status, headers=headers)

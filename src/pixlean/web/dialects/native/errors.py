"""Our codes in the native dialect's words: status and ``error``."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from pixlean.access.rate import RateExceeded, Standing
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (400, "bad_request"),
        ErrorCode.UNAUTHORIZED: (401, "unauthorized"),
        ErrorCode.BODY_TOO_LARGE: (413, "file_too_large"),
        ErrorCode.UNSUPPORTED_FORMAT: (415, "unsupported_format"),
        ErrorCode.BAD_IMAGE: (422, "optimization_failed"),
        ErrorCode.SOURCE_BLOCKED: (422, "ssrf_blocked"),
        ErrorCode.SOURCE_FAILED: (422, "url_fetch_failed"),
        ErrorCode.DELIVERY_FAILED: (502, "storage_failed"),
        ErrorCode.DELIVERY_FORBIDDEN: (403, "storage_forbidden"),
        ErrorCode.RATE_LIMITED: (429, "rate_limit_exceeded"),
        ErrorCode.QUOTA_EXCEEDED: (429, "quota_exceeded"),
        ErrorCode.OVERLOADED: (503, "service_overloaded"),
        ErrorCode.TIMEOUT: (500, "tool_timeout"),
        ErrorCode.ENGINE_FAILED: (422, "optimization_failed"),
    },
    str,
)


def rate_headers(standing: Standing) -> dict[str, str]:
    """Where the caller stands, in the words of the IETF draft (RateLimit) and in the older ones."""
    limit, remaining, reset = standing.limit, standing.remaining, standing.reset_seconds
    return {
        "RateLimit": f"limit={limit}, remaining={remaining}, reset={reset}",
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(reset),
    }


def show_error(error: PixleanError) -> Response:
    """``{"success": false, "error", "message", ...facts}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    if isinstance(error, RateExceeded):
        headers |= rate_headers(error.standing)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"success": False, "error": word, "message": error.message, **error.facts}
    return JSONResponse(body, status_code=status, headers=headers)

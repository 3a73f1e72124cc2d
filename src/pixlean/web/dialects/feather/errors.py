"""Our codes in Feather's words."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from pixlean.access.rate import RateExceeded
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers, rate_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (400, "INVALID_INPUT"),
        ErrorCode.BODY_TOO_LARGE: (413, "FILE_TOO_LARGE"),
        ErrorCode.IMAGE_TOO_LARGE: (422, "TOO_MANY_PIXELS"),
        ErrorCode.UNSUPPORTED_FORMAT: (415, "UNSUPPORTED_FORMAT"),
        ErrorCode.BAD_IMAGE: (422, "INVALID_IMAGE"),
        ErrorCode.SOURCE_BLOCKED: (502, "MODEL_FETCH_FAILED"),
        ErrorCode.SOURCE_FAILED: (502, "MODEL_FETCH_FAILED"),
        ErrorCode.DELIVERY_FAILED: (500, "INTERNAL_ERROR"),
        ErrorCode.RATE_LIMITED: (429, "RATE_LIMIT_EXCEEDED"),
        ErrorCode.OVERLOADED: (503, "SERVICE_OVERLOADED"),
        ErrorCode.TIMEOUT: (504, "TIMEOUT"),
        ErrorCode.ENGINE_FAILED: (500, "PROCESSING_FAILED"),
        ErrorCode.INTERNAL: (500, "INTERNAL_ERROR"),
    },
    str.upper,
)


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

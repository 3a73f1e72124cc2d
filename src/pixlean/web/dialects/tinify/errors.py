"""Our codes in Tinify's words; clients tell the classes of errors by the status."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers
from pixlean.web.errors import told


def _spelled(word: str) -> str:
    """``service_unavailable`` as ``ServiceUnavailable``."""
    return "".join(part.capitalize() for part in word.split("_"))


ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.INVALID_REQUEST: (400, "BadRequest"),
        ErrorCode.WRONG_MEDIA_TYPE: (415, "UnsupportedMediaType"),
        ErrorCode.MISSING_FILE: (400, "InputMissing"),
        ErrorCode.UNAUTHORIZED: (401, "Unauthorized"),
        ErrorCode.UNSUPPORTED_FORMAT: (415, "UnsupportedMediaType"),
        ErrorCode.BAD_IMAGE: (415, "DecodeError"),
        ErrorCode.SOURCE_BLOCKED: (400, "SourceNotAllowed"),
        ErrorCode.SOURCE_FAILED: (400, "SourceNotReachable"),
        ErrorCode.DELIVERY_FAILED: (502, "StoreFailed"),
        ErrorCode.DELIVERY_FORBIDDEN: (403, "StoreForbidden"),
        ErrorCode.RATE_LIMITED: (429, "TooManyRequests"),
        ErrorCode.ENGINE_FAILED: (422, "ProcessingFailed"),
        ErrorCode.INTERNAL: (500, "InternalServerError"),
    },
    _spelled,
)


def show_error(error: PixleanError) -> Response:
    """``{"error", "message"}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="pixlean"'
    return JSONResponse({"error": word, "message": error.message}, status_code=status, headers=headers)

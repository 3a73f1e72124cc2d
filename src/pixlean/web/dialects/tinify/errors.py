"""Our codes in Tinify's words; clients tell the classes of errors by the status."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.web.answers import error_headers

ERRORS: dict[ErrorCode, tuple[int, str]] = {
    ErrorCode.INVALID_REQUEST: (400, "BadRequest"),
    ErrorCode.MALFORMED_BODY: (400, "BadRequest"),
    ErrorCode.WRONG_MEDIA_TYPE: (415, "UnsupportedMediaType"),
    ErrorCode.MISSING_FILE: (400, "InputMissing"),
    ErrorCode.MISSING_SIDES: (400, "BadRequest"),
    ErrorCode.NOT_FOUND: (404, "NotFound"),
    ErrorCode.METHOD_NOT_ALLOWED: (405, "MethodNotAllowed"),
    ErrorCode.BODY_TIMEOUT: (408, "RequestTimeout"),
    ErrorCode.UNAUTHORIZED: (401, "Unauthorized"),
    ErrorCode.BODY_TOO_LARGE: (413, "FileTooLarge"),
    ErrorCode.IMAGE_TOO_LARGE: (413, "ImageTooLarge"),
    ErrorCode.UNSUPPORTED_FORMAT: (415, "UnsupportedMediaType"),
    ErrorCode.BAD_IMAGE: (415, "DecodeError"),
    ErrorCode.POISONED_INPUT: (415, "DecodeError"),
    ErrorCode.SOURCE_BLOCKED: (400, "SourceNotAllowed"),
    ErrorCode.SOURCE_FAILED: (400, "SourceNotReachable"),
    ErrorCode.DELIVERY_FAILED: (502, "StoreFailed"),
    ErrorCode.DELIVERY_FORBIDDEN: (403, "StoreForbidden"),
    ErrorCode.RATE_LIMITED: (429, "TooManyRequests"),
    ErrorCode.NOT_READY: (422, "NotReady"),
    ErrorCode.LINK_EXPIRED: (403, "LinkExpired"),
    ErrorCode.BAD_SIGNATURE: (403, "InvalidSignature"),
    ErrorCode.QUOTA_EXCEEDED: (429, "TooManyRequests"),
    ErrorCode.OVERLOADED: (503, "ServiceOverloaded"),
    ErrorCode.SHUTTING_DOWN: (503, "ServiceOverloaded"),
    ErrorCode.STATE_LOST: (503, "ServiceUnavailable"),
    ErrorCode.STORE_LOST: (503, "ServiceUnavailable"),
    ErrorCode.TIMEOUT: (500, "Timeout"),
    ErrorCode.CHILD_DIED: (415, "DecodeError"),
    ErrorCode.ENGINE_FAILED: (422, "ProcessingFailed"),
    ErrorCode.NOT_IMPLEMENTED: (501, "NotImplemented"),
    ErrorCode.INTERNAL: (500, "InternalServerError"),
}


def show_error(error: PixleanError) -> Response:
    """``{"error", "message"}`` with the right status."""
    status, word = ERRORS[error.code]
    headers = error_headers(error, status)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="pixlean"'
    return JSONResponse({"error": word, "message": error.message}, status_code=status, headers=headers)

"""Our codes as an image URL tells them: to clients that read, and to pages that can only show a picture."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from starlette.responses import JSONResponse, Response

from pixlean.domain.errors import ErrorCode, PixleanError, SourceMissing
from pixlean.web.answers import error_headers
from pixlean.web.errors import told

ERRORS: Mapping[ErrorCode, tuple[int, str]] = told(
    {
        ErrorCode.SOURCE_FAILED: (502, "source_failed"),
        ErrorCode.SOURCE_BLOCKED: (403, "source_blocked"),
        ErrorCode.TIMEOUT: (504, "timeout"),
    },
    str,
)
_MISSING = (404, "source_not_found")


def status_of(error: PixleanError) -> tuple[int, str]:
    """The status and the word of an error."""
    return _MISSING if isinstance(error, SourceMissing) else ERRORS[error.code]


def show_error(error: PixleanError) -> Response:
    """``{"error", "message"}`` with the right status."""
    status, word = status_of(error)
    body = {"error": word, "message": error.message}
    return JSONResponse(body, status_code=status, headers=error_headers(error, status))


def draw_error(error: PixleanError) -> Response:
    """A drawing that says so, for pages: the status is the same."""
    status, word = status_of(error)
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180" viewBox="0 0 320 180">'
        f'<title>{escape(error.message)}</title><rect width="320" height="180" fill="#eee"/>'
        '<text x="160" y="98" font-family="sans-serif" font-size="22" text-anchor="middle" fill="#666">'
        f"{status} {escape(word.replace('_', ' '))}</text></svg>"
    )
    headers = {**error_headers(error, status), "X-Content-Type-Options": "nosniff"}
    return Response(drawing, status_code=status, media_type="image/svg+xml", headers=headers)

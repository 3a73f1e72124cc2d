"""The OptiPic dialect: ``/v1/``, with keys and a monthly quota."""

from __future__ import annotations

from pixlean.web.dialects.optipic.describe import PATHS
from pixlean.web.dialects.optipic.errors import ERRORS, show_error
from pixlean.web.dialects.optipic.routes import ROUTES

NAME = "optipic"
PREFIXES = ("/v1/",)


def show_id(request_id: str) -> str:
    """``req_`` and the UUID's digits."""
    return f"req_{request_id.replace('-', '').lower()}"


__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_error", "show_id"]

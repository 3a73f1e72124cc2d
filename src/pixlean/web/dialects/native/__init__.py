"""The native dialect: the API of Pare, on ``/``, ``/optimize`` and ``/health``."""

from __future__ import annotations

from pixlean.web.dialects.native.describe import PATHS
from pixlean.web.dialects.native.errors import ERRORS, show_error
from pixlean.web.dialects.native.routes import ROUTES

NAME = "native"
PREFIXES = ("/",)

show_id = str

__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_error", "show_id"]

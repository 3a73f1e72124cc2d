"""The Feather dialect: the API of Feather, on ``/api/``, without keys."""

from __future__ import annotations

from pixlean.web.dialects.feather.describe import PATHS
from pixlean.web.dialects.feather.errors import ERRORS, show_error
from pixlean.web.dialects.feather.routes import ROUTES

NAME = "feather"
PREFIXES = ("/api/",)

show_id = str

__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_error", "show_id"]

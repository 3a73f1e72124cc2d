"""The Tinify dialect: ``/shrink`` and ``/output/{id}``, with keys by Basic authentication."""

from __future__ import annotations

from pixlean.web.dialects.tinify.describe import PATHS
from pixlean.web.dialects.tinify.errors import ERRORS, show_error
from pixlean.web.dialects.tinify.routes import ROUTES

NAME = "tinify"
PREFIXES = ("/shrink/", "/output/")

show_id = str

__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_error", "show_id"]

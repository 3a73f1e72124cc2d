"""The Compressorize dialect: ``/api/v1/``, small pictures at once, large ones as jobs, with webhooks."""

from __future__ import annotations

from pixlean.web.dialects.compressorize.describe import PATHS
from pixlean.web.dialects.compressorize.errors import ERRORS, show_error
from pixlean.web.dialects.compressorize.routes import ROUTES
from pixlean.web.dialects.compressorize.show import show_ended

NAME = "compressorize"
PREFIXES = ("/api/v1/",)

show_id = str

__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_ended", "show_error", "show_id"]

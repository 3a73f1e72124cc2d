"""The PicWish dialect: tasks under ``/api/tasks/visual/imgcompress``, keys in ``X-API-KEY``."""

from __future__ import annotations

from pixlean.web.dialects.picwish.describe import PATHS
from pixlean.web.dialects.picwish.errors import ERRORS, show_error
from pixlean.web.dialects.picwish.routes import ROUTES

NAME = "picwish"
PREFIXES = ("/api/tasks/",)

show_id = str

__all__ = ["ERRORS", "NAME", "PATHS", "PREFIXES", "ROUTES", "show_error", "show_id"]

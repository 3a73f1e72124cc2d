"""Whether children can be confined as wanted: asked before a server or worker starts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from pixlean.config import Environment
from pixlean.domain.errors import Unavailable
from pixlean.sandbox.places import check_private
from pixlean.sandbox.pool import Pool
from pixlean.sandbox.settings import Settings
from pixlean.wiring.environment import caged


class CageRefused(Exception):
    """Strangers' pictures would be decoded where they must not be; the text says what to change."""


def check_cage(environment: Environment) -> None:
    """Raise ``CageRefused`` where something private lies open to children, or ``REQUIRE_SANDBOX`` can't be kept."""
    settings = caged(environment)
    try:
        check_private(settings.private)
        if settings.required:
            asyncio.run(_prove(settings))
    except (PermissionError, Unavailable) as error:
        raise CageRefused(str(error)) from error


async def _prove(settings: Settings) -> None:
    """Start one child, which proves itself or does not."""
    pool = Pool(replace(settings, slots=0))
    await pool.start()
    await pool.stop()

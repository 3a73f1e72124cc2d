"""``pixlean doctor``."""

from __future__ import annotations

import asyncio
import sys


def doctor() -> None:
    """Say what works on this machine: codecs, tools, sandbox layers; exit 1 where a part is missing."""
    from rich.console import Console
    from rich.table import Table

    from pixlean.sandbox.pool import Pool, Settings

    async def look() -> Pool:
        pool = Pool(Settings(slots=1))
        await pool.start()
        await pool.stop()
        return pool

    pool = asyncio.run(look())
    table = Table("part", "state", "note")
    for name, there in pool.tools.items():
        note = (
            ""
            if there
            else "optional: without gifsicle, libvips writes GIFs"
            if name == "gifsicle"
            else "not installed"
        )
        table.add_row(name, "ok" if there else "missing", note)
    for name, there in pool.layers.items():
        table.add_row(f"sandbox: {name}", "on" if there else "off", "" if there else "this kernel lacks it")
    for name, version in pool.versions.items():
        table.add_row(name, version, "")
    Console().print(table)
    sys.exit(0 if all(pool.tools.values()) and all(pool.layers.values()) else 1)

"""``pixlean estimate``."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe


def estimate(
    files: list[Path],
    /,
    *,
    quality: Annotated[int, Parameter(name=["--quality", "-q"])] = 80,
    lossless: bool = False,
    json_output: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Say what optimize would save, without doing all its work.

    Parameters
    ----------
    files: image files, folders and patterns
    quality: 1 (smallest) to 100
    lossless: PNGs are not quantised
    json_output: print one JSON object instead of the table
    """
    from rich.console import Console
    from rich.table import Table

    from pixlean.cli.batch import fail, walk
    from pixlean.domain.recipe import Recipe

    if not 1 <= quality <= 100:
        fail("--quality must be from 1 to 100")
    found, missing = walk(files)
    rows = asyncio.run(_estimated([path for path, _ in found], Recipe(quality=quality, png_lossy=not lossless)))
    rows += [{"file": row.file, "error": row.error} for row in missing]
    if json_output:
        print(json.dumps({"files": rows}, indent=2))
        return
    table = Table("file", "now", "then", "saved", "confidence", "how")
    for row in rows:
        if "error" in row:
            table.add_row(row["file"], "", "", "", "", f"[red]{row['error']}[/red]")
        else:
            saved = f"{row['reduction_percent']:.1f} %"
            sizes = (f"{row['original_bytes']:,}", f"{row['estimated_bytes']:,}")
            table.add_row(row["file"], *sizes, saved, row["confidence"], row["method"])
    Console().print(table)


async def _estimated(files: list[Path], recipe: Recipe) -> list[dict[str, Any]]:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.limits import Limits
    from pixlean.sandbox.pool import Pool, Settings

    pool = Pool(Settings(slots=min(os.cpu_count() or 1, max(1, len(files)))))
    await pool.start()
    rows: list[dict[str, Any]] = []
    try:
        for path in files:
            try:
                with path.open("rb") as given:
                    found = await pool.estimate(given.fileno(), recipe, Limits())
            except (PixleanError, OSError) as error:
                rows.append({"file": str(path), "error": str(error)})
                continue
            if found is not None:
                rows.append(
                    {
                        "file": str(path),
                        "original_bytes": found.original_bytes,
                        "estimated_bytes": found.optimized_bytes,
                        "reduction_percent": round(found.reduction_percent, 1),
                        "confidence": str(found.confidence),
                        "method": str(found.strategy),
                    }
                )
    finally:
        await pool.stop()
    return rows

"""``pixlean estimate``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixlean.cli.find import find
from pixlean.cli.options import Json, Quality, check_quality
from pixlean.cli.say import Exit, complain, fail, shown, why
from pixlean.cli.table import show_table
from pixlean.cli.workshop import open_pool

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe


def estimate(files: list[Path], /, *, quality: Quality = 80, lossless: bool = False, json_output: Json = False) -> None:
    """Say what optimize would save, without doing all its work.

    Parameters
    ----------
    files
        Picture files, folders and patterns.
    quality
        From 1 (smallest) to 100 (no visible loss).
    lossless
        Never reduce the colours of PNGs.
    json_output
        Print one JSON object instead of the table.
    """
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.recipe import Recipe

    check_quality(quality)
    found = find(files)
    try:
        rows = asyncio.run(
            _estimated([source.path for source in found.sources], Recipe(quality=quality, png_lossy=not lossless))
        )
    except PixleanError as error:
        fail(error.message, hint="pixlean doctor says what is missing", code=Exit.FAILED)
    rows += [{"file": str(each.path), "error": each.why} for each in found.missing]
    failed = [row for row in rows if "error" in row]
    if json_output:
        print(json.dumps({"files": rows}, indent=2))
    else:
        show_table(
            ("file", "now", "then", "saved", "confidence", "how"),
            (
                (
                    shown(row["file"]), f"{row['original_bytes']:,}", f"{row['estimated_bytes']:,}",
                    f"{row['reduction_percent']:.1f} %", row["confidence"], row["method"],
                )
                for row in rows if "error" not in row
            ),
        )  # fmt: skip
    for row in failed:
        complain(row["error"], about=row["file"])
    sys.exit(Exit.FAILED if failed else Exit.OK)


async def _estimated(files: list[Path], recipe: Recipe) -> list[dict[str, Any]]:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.limits import Limits

    rows: list[dict[str, Any]] = []
    if not files:
        return rows
    async with open_pool(min(os.cpu_count() or 1, max(1, len(files)))) as pool:
        for path in files:
            try:
                with path.open("rb") as file:
                    forecast = await pool.estimate(file, recipe, Limits())
            except (PixleanError, OSError) as error:
                rows.append({"file": str(path), "error": why(error)})
                continue
            if forecast is not None:
                rows.append(
                    {
                        "file": str(path),
                        "original_bytes": forecast.original_bytes,
                        "estimated_bytes": forecast.optimized_bytes,
                        "reduction_percent": round(forecast.reduction_percent, 1),
                        "confidence": str(forecast.confidence),
                        "method": str(forecast.strategy),
                    }
                )
    return rows

"""One picture from standard input or a file to standard output."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pixlean.cli.options import STREAM
from pixlean.cli.say import Exit, fail, why
from pixlean.cli.workshop import open_pool

if TYPE_CHECKING:
    from pixlean.domain.recipe import Recipe
    from pixlean.domain.report import Outcome


def stream(file: Path, recipe: Recipe, *, quiet: bool, min_savings: float) -> NoReturn:
    """Write the result, or the original where that saves too little; end with a code of ``Exit``."""
    from pixlean.domain.errors import PixleanError

    name = "standard input" if str(file) == STREAM else str(file)
    if sys.stdout.isatty():
        fail("a picture on a terminal helps nobody", hint="write it to a file: > smaller.png")
    if str(file) == STREAM and sys.stdin.isatty():
        fail("there is no picture on standard input", hint="pixlean optimize - < photo.png > smaller.png")
    try:
        data = sys.stdin.buffer.read() if str(file) == STREAM else file.read_bytes()
        outcome = asyncio.run(_compressed(data, recipe))
        result = outcome.data if outcome.reduction_percent >= min_savings else data
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Nobody reads any more, and Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail("nobody read the result", about=name, code=Exit.FAILED)
    except (PixleanError, OSError) as error:
        fail(why(error), about=name, code=Exit.FAILED)
    if not quiet:
        saved = 100 * (1 - len(result) / len(data)) if data else 0.0
        print(f"{name}: {len(data):,} -> {len(result):,} bytes, {saved:.1f} % saved", file=sys.stderr)
    sys.exit(Exit.OK)


async def _compressed(data: bytes, recipe: Recipe) -> Outcome:
    from pixlean.domain.limits import Limits
    from pixlean.domain.memory import MemoryFile

    async with open_pool(1, 120.0) as pool:
        with MemoryFile("picture") as file:
            file.write_all(data)
            return await pool.compress(file, recipe, Limits())

"""``pixlean doctor``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from pixlean.cli.workshop import open_pool

if TYPE_CHECKING:
    from pixlean.sandbox.pool import Pool
    from pixlean.sandbox.proof import Proof


def doctor(*, sandbox: bool = False) -> None:
    """Say what works on this machine: codecs, tools, sandbox layers; exit 1 where a part is missing.

    Parameters
    ----------
    sandbox
        Instead, all that an encoding process tried to do and must not be able to, and whether it was refused.
    """
    from pixlean.cli.table import show_table

    async def look() -> tuple[Pool, dict[str, Proof]]:
        async with open_pool(1) as pool:
            return pool, await pool.proofs() if sandbox else {}

    pool, proofs = asyncio.run(look())
    if sandbox:
        sys.exit(_show_proofs(proofs))
    rows: list[tuple[str, str, str]] = []
    for name, there in pool.tools.items():
        note = (
            ""
            if there
            else "optional: without gifsicle, libvips writes GIFs"
            if name == "gifsicle"
            else "not installed"
        )
        rows.append((name, "ok" if there else "missing", note))
    for name, there in pool.layers.items():
        rows.append(
            (
                f"sandbox: {name}",
                "on" if there else "off",
                "" if there else "does not hold here: pixlean doctor --sandbox",
            )
        )
    for name, version in pool.versions.items():
        rows.append((name, version, ""))
    show_table(("part", "state", "note"), rows)
    sys.exit(0 if all(pool.tools.values()) and all(pool.layers.values()) else 1)


def _show_proofs(proofs: dict[str, Proof]) -> int:
    """Print a plain table of what was tried; the exit code."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    for tool, proof in proofs.items():
        console.print(f"An encoding process{f' that may have {tool} run' if tool else ''}:")
        for name, holds in proof.layers.items():
            console.print(f"  {'holds  ' if holds else 'MISSING'}  layer {name}")
        for tried in proof.refused:
            console.print(f"  refused  {tried}", markup=False)
        for tried in proof.escaped:
            console.print(f"  ALLOWED  {tried}", markup=False)
    return 0 if all(proof.holds for proof in proofs.values()) else 1

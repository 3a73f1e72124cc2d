"""``pixlean info``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pixlean.cli.find import find
from pixlean.cli.options import Json
from pixlean.cli.say import Exit, complain, fail, shown, why
from pixlean.cli.workshop import open_pool

if TYPE_CHECKING:
    from pixlean.domain.facts import Facts

_Answer = tuple[Path, "Facts | None", str]


def info(files: list[Path], /, *, json_output: Json = False) -> None:
    """Say what pictures are: format, pixels, depth, profile, metadata, animation, quality, main colour, placeholders.

    Parameters
    ----------
    files
        Picture files, folders and patterns.
    json_output
        Print one JSON object instead of lines.
    """
    from pixlean.domain.errors import PixleanError

    found = find(files)
    try:
        answers = asyncio.run(_asked([source.path for source in found.sources]))
    except PixleanError as error:
        fail(error.message, hint="pixlean doctor says what is missing", code=Exit.FAILED)
    answers += [(each.path, None, each.why) for each in found.missing]
    if json_output:
        rows = [{"file": str(path), **(_plain(facts) if facts else {"error": said})} for path, facts, said in answers]
        print(json.dumps({"files": rows}, indent=2))
    for path, facts, said in answers:
        if facts is None:
            complain(said, about=path)
        elif not json_output:
            print(shown(path))
            for name, value in _lines(facts):
                print(f"  {name:<12}{value}")
    sys.exit(Exit.FAILED if any(facts is None for _, facts, _ in answers) else Exit.OK)


async def _asked(files: list[Path]) -> list[_Answer]:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.limits import Limits

    if not files:
        return []
    slots = min(os.cpu_count() or 1, len(files))
    gate = asyncio.Semaphore(slots)
    async with open_pool(slots) as pool:

        async def one(path: Path) -> _Answer:
            async with gate:
                try:
                    with path.open("rb") as file:
                        return path, await pool.inspect(file, Limits()), ""
                except (PixleanError, OSError) as error:
                    return path, None, why(error)

        return list(await asyncio.gather(*(one(path) for path in files)))


def _plain(facts: Facts) -> dict[str, object]:
    return {
        **asdict(facts),
        "format": str(facts.format),
        "metadata": list(facts.metadata),
        "palette": list(facts.palette),
    }


def _lines(facts: Facts) -> list[tuple[str, str]]:
    yes = {True: "yes", False: "no", None: "unknown"}
    lines = [
        ("format", str(facts.format) + (", progressive" if facts.progressive else "")),
        ("size", f"{facts.size_bytes:,} bytes"),
        ("pixels", f"{facts.width_px} x {facts.height_px}"),
        ("depth", f"{facts.bit_depth} bits, {facts.mode}" + (", transparency" if facts.has_alpha else "")),
        ("profile", facts.profile or "none"),
        ("metadata", ", ".join(facts.metadata) or "none"),
        ("lossless", yes[facts.lossless]),
    ]
    if facts.orientation != 1:
        lines.append(("orientation", f"{facts.orientation} (EXIF; the pixels above are upright)"))
    if facts.quality is not None:
        lines.append(("quality", str(facts.quality)))
    if facts.chroma_subsampling:
        lines.append(("chroma", facts.chroma_subsampling))
    if facts.frames > 1:
        loops = "for ever" if facts.loop_count == 0 else f"{facts.loop_count or 1} times"
        lines.append(("animation", f"{facts.frames} frames, {facts.duration_ms / 1000:.2f} s, {loops}"))
    if facts.pages > 1:
        lines.append(("pages", str(facts.pages)))
    return [
        *lines,
        ("colours", " ".join(facts.palette)),
        ("thumbhash", facts.thumbhash),
        ("blurhash", facts.blurhash),
        ("lqip", facts.lqip),
    ]

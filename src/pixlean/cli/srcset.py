"""``pixlean srcset``."""

from __future__ import annotations

import asyncio
import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from cyclopts import Parameter

from pixlean.cli.find import find
from pixlean.cli.formats import outputs_of
from pixlean.cli.made import Made, state_folder
from pixlean.cli.naming import Kind, Naming, Original, Overwrite
from pixlean.cli.options import Json, Quality, check_quality
from pixlean.cli.say import Exit, complain, fail, why
from pixlean.cli.target import look_with, put, unwritable
from pixlean.cli.workshop import open_pool
from pixlean.cli.writing import Changed
from pixlean.domain.errors import PixleanError

if TYPE_CHECKING:
    from pixlean.domain.formats import Format


@dataclass(frozen=True, kw_only=True)
class _Image:
    """One file of the set."""

    format: Format
    width_px: int
    height_px: int
    path: Path


def srcset(
    file: Path,
    /,
    *,
    widths: str = "400,800,1200,1600",
    formats: str = "avif,webp,jpeg",
    quality: Quality = 80,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    url: str = "",
    sizes: str = "100vw",
    alt: str = "",
    overwrite: Overwrite | None = None,
    json_output: Json = False,
) -> None:
    """Write a picture in several widths and formats, and print the HTML to paste.

    Widths above the picture's own are left away; its own is used instead. The last format is the one that old browsers
    get. Files are called STEM-WIDTH.EXT.

    Parameters
    ----------
    file
        A picture file.
    widths
        Widths in pixels, with commas between them.
    formats
        Formats, best first, with commas between them: avif, webp, jxl, jpeg, png, gif.
    quality
        From 1 (smallest) to 100 (no visible loss).
    out
        Folder for the files, made where it is missing. Default: the picture's own.
    url
        What stands before the file names in the HTML, such as /img/. Default: nothing.
    sizes
        How wide the page shows the picture: the value of the sizes attribute.
    alt
        What the picture shows, in words: the value of the alt attribute. Default: empty.
    overwrite
        What becomes of other files that have the name of a result: never leaves them, smaller keeps the smaller,
        always replaces them. Default: nothing is done, and all such names are listed.
    json_output
        Print one JSON object with the files and the HTML.
    """
    check_quality(quality)
    sources = find([file]).sources
    if len(sources) != 1:
        fail("no such file" if not file.exists() else "is a folder; name one picture", about=file)
    wanted = _widths(widths)
    targets = [outputs_of(name.strip())[0] for name in formats.split(",") if name.strip() and name.strip() != "auto"]
    if not targets:
        fail("--formats names no format", hint="--formats avif,webp,jpeg")
    folder = out or file.parent
    try:
        images = asyncio.run(_written(sources[0], wanted, targets, quality, folder, overwrite))
    except (OSError, Changed, PixleanError) as error:
        fail(why(error), about=file, code=Exit.FAILED)
    text = _html(images, url=url, sizes=sizes, alt=alt)
    if json_output:
        rows = [
            {"file": str(each.path), "format": str(each.format), "width": each.width_px, "height": each.height_px}
            for each in images
        ]  # fmt: skip
        print(json.dumps({"files": rows, "html": text}, indent=2))
    else:
        print(text)


def _widths(text: str) -> list[int]:
    try:
        widths = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        widths = []
    if not widths or widths[0] < 1:
        fail(f"--widths {text!r} must be pixels with commas between them", hint="--widths 400,800,1600")
    return widths


async def _written(
    source: Original, widths: list[int], targets: list[Format], quality: int, folder: Path, overwrite: Overwrite | None
) -> list[_Image]:
    from pixlean.domain.edits import Edits, Resize
    from pixlean.domain.formats import FORMATS
    from pixlean.domain.limits import Limits
    from pixlean.domain.recipe import Recipe

    made = Made(state_folder())
    async with open_pool(os.cpu_count() or 1) as pool:
        with source.real.open("rb") as file:
            seen = os.fstat(file.fileno())
            facts = await pool.inspect(file, Limits())
            fitting = [width for width in widths if width < facts.width_px]
            if len(fitting) < len(widths):
                fitting.append(facts.width_px)
            names = {
                (target, width): folder / f"{source.path.stem}-{width}{FORMATS[target].extensions[0]}"
                for target in targets for width in fitting
            }  # fmt: skip
            _check(source, list(names.values()), made, overwrite)

            async def one(target: Format, width: int) -> _Image:
                edits = Edits(resize=Resize(width_px=width)) if width < facts.width_px else Edits()
                outcome = await pool.compress(
                    file, Recipe(outputs=(target,), edits=edits, quality=quality), Limits()
                )  # fmt: skip
                path = names[target, width]
                naming = Naming(out=folder, overwrite=overwrite)
                try:
                    put(path, outcome.data, source=source, seen=seen, naming=naming, made=made, keep_dates=False)
                except FileExistsError:
                    if overwrite is not Overwrite.NEVER:
                        raise
                report = outcome.report
                return _Image(format=target, width_px=report.width_px, height_px=report.height_px, path=path)

            return list(await asyncio.gather(*(one(*each) for each in names)))


def _check(source: Original, names: list[Path], made: Made, overwrite: Overwrite | None) -> None:
    """End the program before the work where a name can't be given."""
    look = look_with(made)
    if refused := unwritable(names[0]):
        fail(refused, code=Exit.FAILED)
    taken = [
        name for name in names
        for standing in (look(name),)
        if standing.kind in (Kind.FOLDER, Kind.BLOCKED) or standing.identity == source.identity
        or (standing.kind is Kind.FILE and standing.made_from != source.real and overwrite is None)
    ]  # fmt: skip
    if taken:
        for name in taken:
            complain("exists, and was not made from this picture", about=name)
        fail("nothing was done", hint="--out names another folder; --overwrite never, smaller or always decides")


def _html(images: list[_Image], *, url: str, sizes: str, alt: str) -> str:
    from pixlean.domain.formats import FORMATS

    def link(image: _Image) -> str:
        return html.escape(url + quote(image.path.name), quote=True)

    by_format: dict[Format, list[_Image]] = {}
    for image in images:
        by_format.setdefault(image.format, []).append(image)
    last = list(by_format)[-1]
    lines = ["<picture>"] if len(by_format) > 1 else []
    wide = html.escape(sizes, quote=True)
    for name, group in by_format.items():
        candidates = ", ".join(f"{link(image)} {image.width_px}w" for image in group)
        if name != last:
            lines.append(f'  <source type="{FORMATS[name].media_type}" srcset="{candidates}" sizes="{wide}">')
        else:
            largest = group[-1]
            lines.append(
                f'  <img src="{link(largest)}" srcset="{candidates}" sizes="{wide}" width="{largest.width_px}" '
                f'height="{largest.height_px}" alt="{html.escape(alt, quote=True)}" loading="lazy" decoding="async">'
            )
    if len(by_format) > 1:
        lines.append("</picture>")
    return "\n".join(line if len(by_format) > 1 else line.strip() for line in lines)

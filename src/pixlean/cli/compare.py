"""``pixlean compare``."""

from __future__ import annotations

import asyncio
import base64
import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pixlean.cli.find import find
from pixlean.cli.made import Made, state_folder
from pixlean.cli.naming import Kind, Naming, Original, Overwrite
from pixlean.cli.progress import progress
from pixlean.cli.say import Exit, fail, why
from pixlean.cli.target import look_with, put, unwritable
from pixlean.cli.workshop import open_pool
from pixlean.cli.writing import Changed

if TYPE_CHECKING:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.report import Outcome

_SECONDS_A_FORMAT = 300
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .9rem .3rem 0;text-align:left}
td:nth-child(n+2){font-variant-numeric:tabular-nums}button{font:inherit;padding:.2rem .7rem;cursor:pointer}
button[aria-pressed=true]{font-weight:bold}figure{margin:0;position:relative;overflow:auto;max-height:80vh}
figure img{display:block;max-width:100%}#after{position:absolute;left:0;top:0;clip-path:inset(0 0 0 var(--at,50%))}
input[type=range]{width:100%}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}}
"""
_SCRIPT = """
const after=document.getElementById("after"),slider=document.getElementById("at");
slider.oninput=()=>after.style.setProperty("--at",slider.value+"%");
for(const button of document.querySelectorAll("button"))button.onclick=()=>{after.src=button.dataset.src;
for(const other of document.querySelectorAll("button"))other.setAttribute("aria-pressed",other===button)};
"""


def compare(
    file: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    min_score: float = 80.0,
    overwrite: Overwrite | None = None,
    quiet: bool = False,
) -> None:
    """Write one HTML page with a picture in every format at the same quality: sizes, scores, a slider.

    The page needs no network. JPEG XL has a row, and its picture shows in browsers that know it.

    Parameters
    ----------
    file
        A picture file.
    out
        The page. Default: NAME.compare.html beside the picture.
    min_score
        SSIMULACRA2 (0 to 100) that all of them keep; 90 shows no difference, 70 little.
    overwrite
        What becomes of another file that has the page's name: smaller keeps the smaller, always replaces it, never
        leaves it. Default: never.
    quiet
        Print nothing but errors.
    """
    from pixlean.domain.errors import PixleanError

    sources = find([file]).sources
    if len(sources) != 1 or file.is_dir():
        fail("is a folder; name one picture" if file.is_dir() else "no such file", about=file)
    if not 0 <= min_score <= 100:
        fail("--min-score must be from 0 to 100")
    page, made = out or file.with_name(f"{file.stem}.compare.html"), Made(state_folder())
    _check(page, sources[0], made, overwrite)
    try:
        seen = file.stat()
        results = asyncio.run(_in_every_format(file, min_score, quiet=quiet))
        data = _page(file, results).encode("utf-8", "replace")
        naming = Naming(out=page.parent, overwrite=overwrite)
        put(page, data, source=sources[0], seen=seen, naming=naming, made=made, keep_dates=False)
    except (PixleanError, OSError, Changed) as error:
        fail(why(error), about=file if isinstance(error, PixleanError) else page, code=Exit.FAILED)
    if not quiet:
        print(page)
    failures = [result for result in results.values() if isinstance(result, PixleanError)]
    if len(failures) == len(results):
        fail(failures[0].message, about=file, code=Exit.FAILED)


def _check(page: Path, source: Original, made: Made, overwrite: Overwrite | None) -> None:
    """End the program before the work where the page can't be written."""
    standing = look_with(made)(page)
    if standing.kind is Kind.FOLDER or standing.identity == source.identity:
        fail("is a folder" if standing.kind is Kind.FOLDER else "is the picture itself", about=page)
    if standing.kind is Kind.FILE and standing.made_from != source.real and overwrite in (None, Overwrite.NEVER):
        fail("exists, and is no page of this picture", about=page, hint="--out names another page; --overwrite always")
    if refused := unwritable(page):
        fail(refused, about=page, code=Exit.FAILED)


async def _in_every_format(file: Path, min_score: float, *, quiet: bool) -> dict[str, Outcome | PixleanError]:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.formats import FORMATS
    from pixlean.domain.limits import Limits
    from pixlean.domain.recipe import Recipe

    targets = [name for name, row in FORMATS.items() if row.audience is not None]
    results: dict[str, Outcome | PixleanError] = {}
    async with open_pool(2, _SECONDS_A_FORMAT) as pool:
        with progress(len(targets), on=not quiet) as bar, file.open("rb") as picture:
            size_bytes = os.fstat(picture.fileno()).st_size
            for target in targets:
                bar.start(f"{file.name} as {target}")
                try:
                    recipe = Recipe(outputs=(target,), min_score=min_score)
                    outcome = await pool.compress(picture, recipe, Limits())
                    results[str(target)] = outcome
                    bar.end(size_bytes - outcome.report.size_bytes)
                except PixleanError as error:
                    results[str(target)] = error
                    bar.end(0)
    return results


def _page(file: Path, results: dict[str, Outcome | PixleanError]) -> str:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.formats import FORMATS, detect

    data = file.read_bytes()
    kind = detect(data)
    original = _link(data, FORMATS[kind].media_type if kind else "application/octet-stream")
    rows, first = [], original
    for name, result in results.items():
        if isinstance(result, PixleanError):
            rows.append(f"<tr><td>{name}</td><td colspan=4>{html.escape(result.message)}</td></tr>")
            continue
        link = _link(result.data, FORMATS[result.format].media_type)
        first = link if first == original else first
        score = "" if result.score is None else f"{result.score:.1f}"
        rows.append(
            f"<tr><td><button data-src='{link}' aria-pressed={str(link == first).lower()}>{name}</button></td>"
            f"<td>{result.report.size_bytes:,}</td><td>{result.reduction_percent:.1f} %</td><td>{score}</td>"
            f"<td>{html.escape(result.method)}</td></tr>"
        )
    title = html.escape(file.name)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1><p>{len(data):,} bytes. "
        f"Left of the slider the original, right of it the format that is chosen.</p><table><tr><th>format"
        f"<th>bytes<th>saved<th>SSIMULACRA2<th>made by</tr>{''.join(rows)}</table>"
        f"<label>before and after <input type=range id=at min=0 max=100 value=50></label>"
        f"<figure><img src='{original}' alt='original'>"
        f"<img id=after src='{first}' alt='result'></figure><script>{_SCRIPT}</script></body></html>"
    )


def _link(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"

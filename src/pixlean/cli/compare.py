"""``pixlean compare``."""

from __future__ import annotations

import asyncio
import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixlean.domain.errors import PixleanError
    from pixlean.sandbox.pool import Work

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


def compare(file: Path, /, *, out: Path | None = None, min_score: float = 80.0) -> None:
    """Write one HTML page with a picture in every format at the same quality: sizes, scores, a slider.

    The page needs no network. JPEG XL has a row, and its picture shows in browsers that know it.

    Parameters
    ----------
    file: a picture
    out: the page; NAME.compare.html beside the picture without it
    min_score: the SSIMULACRA2 that all of them keep
    """
    from pixlean.cli.batch import fail

    if not file.is_file():
        fail(f"{file}: no such file")
    made = asyncio.run(_made(file, min_score))
    page = out or file.with_name(f"{file.stem}.compare.html")
    page.write_text(_page(file, made), "utf-8")
    print(page)


async def _made(file: Path, min_score: float) -> dict[str, Work | PixleanError]:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.formats import Format
    from pixlean.domain.limits import Limits
    from pixlean.domain.recipe import Recipe
    from pixlean.sandbox.pool import Pool, Settings

    pool = Pool(Settings(slots=2, timeout_seconds=300))
    await pool.start()
    found: dict[str, Work | PixleanError] = {}
    try:
        for target in (Format.JPEG, Format.WEBP, Format.AVIF, Format.JXL, Format.PNG):
            with file.open("rb") as given:
                try:
                    recipe = Recipe(outputs=(target,), min_score=min_score)
                    found[str(target)] = await pool.compress(given.fileno(), recipe, Limits())
                except PixleanError as error:
                    found[str(target)] = error
    finally:
        await pool.stop()
    return found


def _page(file: Path, made: dict[str, Work | PixleanError]) -> str:
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.formats import FORMATS, detect

    data = file.read_bytes()
    kind = detect(data)
    original = _link(data, FORMATS[kind].media_type if kind else "application/octet-stream")
    rows, first = [], original
    for name, work in made.items():
        if isinstance(work, PixleanError):
            rows.append(f"<tr><td>{name}</td><td colspan=4>{html.escape(work.message)}</td></tr>")
            continue
        link = _link(work.data, FORMATS[work.format].media_type)
        first = link if first == original else first
        score = "" if work.score is None else f"{work.score:.1f}"
        rows.append(
            f"<tr><td><button data-src='{link}' aria-pressed={str(link == first).lower()}>{name}</button></td>"
            f"<td>{len(work.data):,}</td><td>{100 * (1 - len(work.data) / len(data)):.1f} %</td><td>{score}</td>"
            f"<td>{html.escape(work.method)}</td></tr>"
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

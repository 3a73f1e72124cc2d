"""The same cases by others: Pillow, sharp where Node has it, and any running server that speaks one of our dialects."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
from pathlib import Path

import httpx
from PIL import Image

from benchmarks import sharp
from benchmarks.corpus import PRESETS, Case

_PILLOW = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF", "gif": "GIF", "tiff": "TIFF", "bmp": "BMP"}
_SHARP = ("jpeg", "png", "webp", "avif", "gif", "tiff")


class NotWritten(Exception):
    """The peer does not write this format: its cell stays empty, and the report says why."""


def check(name: str) -> str | None:
    """Why a peer can't be run here, or ``None``."""
    kind, _, url = name.partition("=")
    if kind == "pillow":
        return None
    if kind == "sharp":
        return None if _sharp() else "Node or npm is missing, or sharp could not be installed"
    if kind in ("pare-url", "optipic-url"):
        try:
            httpx.get(url, timeout=10)
        except httpx.HTTPError as error:
            return f"{url} does not answer: {error}"
        return None
    return "unknown; use pillow, sharp, pare-url=URL or optipic-url=URL"


def run(name: str, data: bytes, case: Case) -> bytes:
    """What a peer makes of a case, at its own setting of the same quality. Raises ``NotWritten`` or in its own ways."""
    quality = int(str(PRESETS[case.preset]["quality"]))
    kind, _, url = name.partition("=")
    if kind == "pillow":
        return _pillow(data, case, quality)
    if kind == "sharp":
        return _with_sharp(data, case, quality)
    if kind == "pare-url":
        lossy = bool(PRESETS[case.preset].get("png_lossy", True))
        options = json.dumps({"optimization": {"quality": quality, "png_lossy": lossy}})
        answer = httpx.post(f"{url}/optimize", files={"file": ("x", data)}, data={"options": options}, timeout=300)
    else:
        answer = httpx.post(
            f"{url}/v1/compress", files={"file": ("x", data)}, data={"quality": str(quality)}, timeout=300
        )
    answer.raise_for_status()
    return answer.content


def _pillow(data: bytes, case: Case, quality: int) -> bytes:
    if case.format not in _PILLOW:
        raise NotWritten(f"Pillow writes no {case.format}")
    with Image.open(io.BytesIO(data)) as image:
        out = io.BytesIO()
        kind = _PILLOW[case.format]
        options: dict[str, object] = {
            "JPEG": {"quality": quality, "optimize": True}, "WEBP": {"quality": quality}, "AVIF": {"quality": quality},
            "PNG": {"optimize": True}, "GIF": {"optimize": True}, "TIFF": {"compression": "tiff_adobe_deflate"},
        }.get(kind, {})  # fmt: skip
        if getattr(image, "n_frames", 1) > 1:
            options["save_all"] = True
        shown = image.convert("RGB") if kind == "JPEG" and image.mode not in ("RGB", "L", "CMYK") else image
        if kind == "PNG" and PRESETS[case.preset].get("png_lossy", True) and image.mode in ("RGB", "RGBA"):
            shown = image.quantize(256, method=Image.Quantize.FASTOCTREE)
        shown.save(out, kind, **options)
        return out.getvalue()


_SCRIPT = """
const sharp = require("sharp"), fs = require("fs"), [,, input, output, format, quality, lossy] = process.argv
const options = {jpeg: {quality: +quality}, webp: {quality: +quality}, avif: {quality: +quality},
  png: lossy === "1" ? {palette: true, quality: +quality} : {compressionLevel: 9}, gif: {}, tiff: {compression: "deflate"}}
sharp(input, {animated: true}).rotate().toFormat(format, options[format]).toFile(output).catch(e => { console.error(e.message); process.exit(1) })
"""


def _sharp() -> Path | None:
    """A folder with sharp and the script, or ``None``."""
    folder = sharp.folder()
    if folder is not None:
        (folder / "run.cjs").write_text(_SCRIPT)
    return folder


def _with_sharp(data: bytes, case: Case, quality: int) -> bytes:
    folder = _sharp()
    if folder is None or case.format not in _SHARP:
        raise NotWritten(f"sharp writes no {case.format}")
    lossy = "1" if PRESETS[case.preset].get("png_lossy", True) else "0"
    with tempfile.TemporaryDirectory() as place:
        given, made = Path(place) / "in", Path(place) / "out"
        given.write_bytes(data)
        words = ["node", "run.cjs", str(given), str(made), case.format, str(quality), lossy]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[:200])
        return made.read_bytes()

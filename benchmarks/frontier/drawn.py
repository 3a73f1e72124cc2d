"""Animations and drawings: no curve of settings, one file beside the usual tool's, and what each still looks like."""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence

import pixlean
from benchmarks.corpus import DATA
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array

_SVGO_VERSION = "svgo@4.0.0"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Our file and the tool's of one source; ``*_score`` is the worst frame's SSIMULACRA2, -100 where it lost frames."""

    picture: str
    tool: str
    ours_bytes: int
    theirs_bytes: int
    ours_score: float | None = None
    theirs_score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def is_broken(self) -> bool:
        """Whether the tool's file no longer looks like the source: its size says nothing then."""
        return self.theirs_score is not None and self.theirs_score < _BROKEN_BELOW


# A drawing that lost all it draws scores far below what any loss of quality does.
_BROKEN_BELOW = 0.0


def ratio(pairs: list[Pair]) -> float:
    """Our bytes over theirs, the geometric mean."""
    return statistics.geometric_mean(pair.ours_bytes / pair.theirs_bytes for pair in pairs)


def gifs(paths: list[Path]) -> list[Pair]:
    """``high`` beside ``gifsicle -O3 --lossy=80``, frames as Pillow composes them."""
    if not shutil.which("gifsicle"):
        return []
    found = []
    for path in paths:
        words = ["gifsicle", "--no-warnings", "-O3", "--lossy=80", str(path)]
        theirs = subprocess.run(words, capture_output=True, check=False).stdout
        ours = pixlean.compress(path, quality=40).data
        judge = Judge(_shown(path.read_bytes()))
        found.append(
            Pair(
                picture=path.stem, tool="gifsicle -O3 --lossy=80", ours_bytes=len(ours), theirs_bytes=len(theirs),
                ours_score=judge.score(_shown(ours)), theirs_score=judge.score(_shown(theirs)),
            )
        )  # fmt: skip
    return found


def _shown(data: bytes) -> tuple[Array, ...]:
    with Image.open(io.BytesIO(data)) as image:
        return tuple(np.asarray(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image))


def svgs(paths: list[Path]) -> list[Pair]:
    """``high`` beside svgo at its defaults, both as plain text, drawn by resvg."""
    tool = _svgo()
    if tool is None:
        return []
    found = []
    for path in paths:
        with tempfile.TemporaryDirectory() as place:
            made = Path(place) / "made.svg"
            subprocess.run([*tool, str(path), "-o", str(made)], capture_output=True, check=False)
            if made.exists():
                ours = pixlean.compress(path, quality=40).data
                source, scores = _drawn(path.read_bytes()), list[float | None]((None, None))
                if source[..., 3].any():  # what resvg does not draw can't be judged by it
                    judge = Judge((source,))
                    scores = [judge.score((_drawn(text),)) for text in (ours, made.read_bytes())]
                found.append(
                    Pair(
                        picture=path.stem, tool="svgo", ours_bytes=len(ours), theirs_bytes=made.stat().st_size,
                        ours_score=scores[0], theirs_score=scores[1],
                    )
                )  # fmt: skip
    return found


def _drawn(text: bytes) -> Array:
    """512 x 512 pixels, whatever its shape: sides are rounded otherwise by others. Empty where resvg draws nothing."""
    import resvg_py

    try:
        data = bytes(resvg_py.svg_to_bytes(svg_string=text.decode("utf-8", "replace"), width=512))
    except ValueError:
        return np.zeros((512, 512, 4), np.uint8)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA").resize((512, 512)))


def _svgo() -> list[str] | None:
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    place = (DATA / "svgo").resolve()
    tool = place / "node_modules" / ".bin" / "svgo"
    if not tool.exists():
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}')
        words = ["npm", "install", "--no-audit", "--no-fund", _SVGO_VERSION]
        if subprocess.run(words, cwd=place, capture_output=True, check=False).returncode:
            return None
    return [str(tool)]

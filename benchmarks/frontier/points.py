"""One picture by one encoder at one setting, measured by two metrics that know nothing of each other."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.frontier.encoders import Encoder
from pixlean.imaging.perception import Judge
from pixlean.imaging.pixels import Array

_NORM = re.compile(rb"3-norm: ([0-9.]+)")


@dataclass(frozen=True, kw_only=True)
class Point:
    """``score`` is SSIMULACRA2, ``butteraugli`` the 3-norm of the distance (``None`` where its program is missing)."""

    picture: str
    kind: str
    megapixels: float
    encoder: str
    format: str
    setting: float
    size_bytes: int
    score: float
    butteraugli: float | None
    cpu_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(encoder: Encoder, path: Path, kind: str, judge: Judge, *, butteraugli: bool) -> list[Point]:
    """The encoder's whole curve of one picture, which is an RGB PNG."""
    found = []
    for setting in encoder.settings:
        made, seconds = encoder.encode(path, setting)
        shown = _decoded(made, encoder.format)
        found.append(
            Point(
                picture=path.stem, kind=kind, megapixels=shown.shape[0] * shown.shape[1] / 1e6, encoder=encoder.name,
                format=encoder.format, setting=setting, size_bytes=len(made), score=judge.score((shown,)),
                butteraugli=_butteraugli(path, shown) if butteraugli else None, cpu_seconds=seconds,
            )
        )  # fmt: skip
    return found


def _decoded(data: bytes, kind: str) -> Array:
    """By a decoder that is not ours: Pillow's, and ``djxl`` for JPEG XL."""
    if kind != "jxl":
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))
    with tempfile.TemporaryDirectory() as place:
        given, made = Path(place) / "given.jxl", Path(place) / "made.png"
        given.write_bytes(data)
        subprocess.run(["djxl", str(given), str(made)], capture_output=True, check=True)
        with Image.open(made) as image:
            return np.asarray(image.convert("RGB"))


def has_butteraugli() -> bool:
    """Debian's ``libjxl-devtools`` has the program."""
    return shutil.which("butteraugli_main") is not None


def _butteraugli(path: Path, shown: Array) -> float | None:
    with tempfile.TemporaryDirectory() as place:
        other = Path(place) / "other.png"
        Image.fromarray(shown).save(other, compress_level=1)
        done = subprocess.run(["butteraugli_main", str(path), str(other)], capture_output=True, check=False)
        found = _NORM.search(done.stdout)
        return float(found[1]) if found else None

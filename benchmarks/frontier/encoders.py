"""Who is measured: every encoder is a value, with the settings at which it is asked."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

import pixlean
from benchmarks import sharp
from pixlean.domain.words import FormatWord

# What an encoder makes of a PNG at one setting: the file, and the seconds of CPU from PNG to file.
Encode = Callable[[Path, float], tuple[bytes, float]]


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """``settings`` are its own numbers, from small files to large ones; ``baseline`` is what the others are held to."""

    name: str
    format: str
    settings: tuple[float, ...]
    encode: Encode
    baseline: bool = False
    missing: str | None = None


def _pixlean(path: Path, setting: float, *, format: FormatWord, effort: int | None) -> tuple[bytes, float]:  # noqa: A002
    data = path.read_bytes()
    before = _cpu()
    made = pixlean.compress(data, format=format, quality=round(setting), effort=effort, min_score=None)
    return made.data, _cpu() - before


def _cpu() -> float:
    """Of this process and of those that it started and waited for."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _pillow(path: Path, setting: float, *, kind: str, options: dict[str, object]) -> tuple[bytes, float]:
    before = _cpu()
    out = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(out, kind, quality=round(setting), **options)
    return out.getvalue(), _cpu() - before


def _program(path: Path, setting: float, *, words: tuple[str, ...], ending: str) -> tuple[bytes, float]:
    """A program whose words name ``{source}``, ``{result}`` and ``{setting}``."""
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / f"result.{ending}"
        named = [word.format(source=path, result=result, setting=f"{setting:g}") for word in words]
        before = _cpu()
        done = subprocess.run(named, capture_output=True, check=False, timeout=900)
        spent = _cpu() - before
        if not result.exists():
            raise RuntimeError(f"{words[0]}: {done.stderr[-200:].decode(errors='replace')}")
        return result.read_bytes(), spent


def _sharp(path: Path, setting: float, *, kind: str, options: dict[str, object]) -> tuple[bytes, float]:
    return sharp.encode(path, kind, {**options, "quality": round(setting)})


def _by_program(
    name: str, format: str, settings: tuple[float, ...], *words: str, baseline: bool = False  # noqa: A002
) -> Encoder:  # fmt: skip
    missing = None if shutil.which(words[0]) else f"{words[0]} is not installed"
    encode = partial(_program, words=words, ending=format)
    return Encoder(
        name=name, format=format, settings=settings, encode=encode, missing=missing, baseline=baseline
    )  # fmt: skip


def _by_sharp(
    name: str, kind: str, settings: tuple[float, ...], *, baseline: bool = False, **options: object
) -> Encoder:
    encode = partial(_sharp, kind=kind, options=options)
    return Encoder(
        name=f"sharp {name}", format=kind, settings=settings, encode=encode, missing=sharp.missing(), baseline=baseline
    )


def _ours(format: FormatWord, settings: tuple[float, ...], **efforts: int | None) -> list[Encoder]:  # noqa: A002
    return [
        Encoder(
            name=f"pixlean {name}", format=format, settings=settings,
            encode=partial(_pixlean, format=format, effort=effort),
        )
        for name, effort in efforts.items()
    ]  # fmt: skip


_FULL = (25.0, 40.0, 55.0, 68.0, 80.0, 88.0, 94.0)
_AVIF = (30.0, 42.0, 54.0, 65.0, 75.0, 85.0)


def encoders() -> list[Encoder]:
    """All of them, by format: the baseline first."""
    return [
        _by_sharp("default", "jpeg", _FULL, baseline=True),
        _by_sharp("mozjpeg", "jpeg", _FULL, mozjpeg=True),
        Encoder(
            name="Pillow optimise, progressive", format="jpeg", settings=_FULL,
            encode=partial(_pillow, kind="JPEG", options={"optimize": True, "progressive": True}),
        ),
        *_ours("jpeg", _FULL, fast=0, balanced=None, max=9),
        _by_sharp("default", "webp", _FULL, baseline=True),
        _by_sharp("effort 6, smart", "webp", _FULL, effort=6, smartSubsample=True),
        _by_program(
            "cwebp -m 6 -sharp_yuv", "webp", _FULL,
            "cwebp", "-quiet", "-m", "6", "-sharp_yuv", "-q", "{setting}", "{source}", "-o", "{result}",
        ),
        *_ours("webp", _FULL, fast=0, balanced=None, max=9),
        _by_sharp("default", "avif", _AVIF, baseline=True),
        _by_sharp("effort 3", "avif", _AVIF, effort=3),
        _by_program(
            "avifenc -s 6", "avif", (50.0, 40.0, 32.0, 25.0, 18.0),
            "avifenc", "-s", "6", "-j", "1", "--min", "0", "--max", "63", "-a", "end-usage=q", "-a", "cq-level={setting}",
            "{source}", "{result}",
        ),
        *_ours("avif", _AVIF, fast=0, balanced=None, max=9),
        _by_program("cjxl -e 7", "jxl", (4.0, 2.8, 2.0, 1.4, 0.9), "cjxl", "-e", "7", "-d", "{setting}", "{source}", "{result}",
                    baseline=True),
        *_ours("jxl", _FULL, balanced=None, max=9),
        _by_program(
            "pngquant --speed 1", "png", (20.0, 35.0, 50.0, 65.0, 80.0, 95.0),
            "pngquant", "--speed", "1", "--quality", "0-{setting}", "--force", "-o", "{result}", "{source}", baseline=True,
        ),
        _by_sharp("palette", "png", (20.0, 35.0, 50.0, 65.0, 80.0, 95.0), palette=True, effort=10),
        *_ours("png", (20.0, 30.0, 40.0, 50.0, 60.0, 69.0), balanced=None, max=9),
    ]  # fmt: skip

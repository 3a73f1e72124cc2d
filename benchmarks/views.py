"""Pictures of a case as browsers can show them: every format but theirs becomes a PNG of the same pixels."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pixlean
from benchmarks.corpus import PRESETS
from benchmarks.measure import Result

_SHOWN = {"png": "image/png", "apng": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
          "svg": "image/svg+xml", "avif": "image/avif"}  # fmt: skip


def view(result: Result, side: str) -> tuple[bytes, str]:
    """Bytes and media type of a case's original or result. Raises ``OSError`` and ``ValueError``."""
    return _view(result.path, result.preset, side, Path(result.path).stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _view(path: str, preset: str, side: str, changed_ns: int) -> tuple[bytes, str]:
    del changed_ns  # part of the key: a changed file is another one
    data = Path(path).read_bytes()
    try:
        if side == "result":
            data = pixlean.compress(data, **PRESETS[preset]).data  # type: ignore[arg-type]
        kind = str(pixlean.probe(data).format)
        if kind in _SHOWN:
            return data, _SHOWN[kind]
        from pixlean.domain.formats import Format

        return pixlean.compress(data, quality=100, png_lossy=False, outputs=(Format.PNG,)).data, "image/png"
    except pixlean.PixleanError as error:
        raise ValueError(error.message) from error

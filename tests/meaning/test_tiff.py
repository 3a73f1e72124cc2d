"""TIFFs with changed tags: what is accepted means what libtiff's own converter says that it means."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import pixlean
from meaning.mutations import mutated
from pictures import graphic, opened, photo, saved, with_alpha
from pixlean.domain.errors import PixleanError
from pixlean.domain.formats import Format

COUNT = int(os.environ.get("PIXLEAN_MUTATIONS", "40")) * 10
MOST_MEAN = 5.0
MOST_PX = 100_000


def written(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def sources() -> list[bytes]:
    """Valid files of different kinds."""
    small, flat = photo().resize((64, 48)), graphic().resize((64, 48))
    colours, grey = np.asarray(small), np.asarray(small.convert("L"))
    return [
        saved(small, "TIFF"), saved(small, "TIFF", compression="tiff_lzw"), saved(flat.quantize(16), "TIFF"),
        written(colours, photometric="rgb", compression="deflate", predictor=True),
        written(np.moveaxis(colours, 2, 0), photometric="rgb", planarconfig="separate"),
        written(grey, photometric="miniswhite"), written(grey, photometric="minisblack", tile=(16, 16)),
        written(np.asarray(with_alpha().resize((64, 48)).convert("RGBA")), photometric="rgb", extrasamples=["unassalpha"]),
        saved(flat.convert("1"), "TIFF", compression="group4"), saved(small.convert("CMYK"), "TIFF"),
        saved(small, "TIFF", compression="jpeg", quality=90),
        written(colours.astype(np.uint16) * 257, photometric="rgb", byteorder=">"),
    ]  # fmt: skip


def by_libtiff(data: bytes, folder: Path) -> np.ndarray[Any, Any] | None:
    """RGB over grey; ``None`` where libtiff refuses the file, or warns: then it guesses what was meant."""
    source, shown = folder / "source.tif", folder / "shown.tif"
    source.write_bytes(data)
    shown.unlink(missing_ok=True)
    done = subprocess.run(
        ["tiff2rgba", "-c", "none", source, shown], capture_output=True, check=False, text=True, timeout=60
    )
    if done.returncode or not shown.exists() or done.stderr.strip():
        return None
    try:
        pixels = tifffile.imread(shown).astype(float)
    except (ValueError, tifffile.TiffFileError):
        return None
    if pixels.ndim != 3:
        return None
    alpha = pixels[..., 3:]
    # Multiplied by alpha; a colour that is more than that is said to be so by a wrong tag, and no viewer shows it.
    return np.asarray(np.minimum(pixels[..., :3], alpha) + 128 * (1 - alpha / 255))


def over_grey(image: Image.Image) -> np.ndarray[Any, Any]:
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    pixels = np.asarray(image.convert("RGBA")).astype(float)
    share = pixels[..., 3:] / 255
    return np.asarray(pixels[..., :3] * share + 128 * (1 - share))


def wrongs(seeds: range, folder: Path) -> list[str]:
    kinds, found = sources(), []
    for seed in seeds:
        data = mutated("tiff", kinds[seed % len(kinds)], seed) if seed >= len(kinds) else kinds[seed]
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MOST_PX:
                    continue
        except Exception:  # noqa: BLE001 - files that are broken in any way
            pass
        try:
            made = pixlean.compress(data, outputs=(Format.PNG,), quality=95, png_lossy=False).data
        except PixleanError:
            continue
        wanted = by_libtiff(data, folder)
        if wanted is None:
            continue
        ours = over_grey(opened(made))
        if ours.shape != wanted.shape or np.abs(ours - wanted).mean() > MOST_MEAN:
            off = np.abs(ours - wanted).mean() if ours.shape == wanted.shape else ours.shape
            found.append(f"{seed} (kind {seed % len(kinds)}): {off}")
    return found


@pytest.mark.slow
def test_what_is_accepted_means_what_libtiff_says(tmp_path: Path) -> None:
    if shutil.which("tiff2rgba") is None:
        pytest.skip("libtiff-tools is not installed")
    assert not wrongs(range(COUNT), tmp_path)

"""Make the other formats from the corpus' originals: ``python scripts/convert_corpus_formats.py [--corpus DIR]``.

For every photograph of ``high_res``, ``standard`` and ``compact``: JPEG quality 92 4:4:4, PNG level 6, WebP quality 90, AVIF quality
85 speed 6, HEIC quality 85, JPEG XL distance 0.6, GIF with 256 colours, TIFF without compression, BMP. An original keeps its
bytes in its own format. SVG drawings become SVGZ. What is there already is left alone.
"""

from __future__ import annotations

import argparse
import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from rich.progress import Progress

GROUPS = ("high_res", "standard", "compact")
_ORIGINALS = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png"}
_CONVERTED = ".converted"  # in the name of every file that was made here


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path(".benchmark-data/corpus"))
    given = parser.parse_args()
    photos = [path for group in GROUPS for path in sorted((given.corpus / group).glob("*")) if _is_original(path)]
    drawings = sorted((given.corpus / "vector").glob("*.svg"))
    if not photos and not drawings:
        print(f"no originals below {given.corpus}: run download_corpus.py first", file=sys.stderr)
        return 1
    made = 0
    with Progress(transient=True) as bar:
        task = bar.add_task("formats", total=len(photos) * len(_WRITERS) + len(drawings))
        for path in photos:
            image: Image.Image | None = None
            for kind, write in _WRITERS.items():
                target = path.with_name(f"{path.stem}{_CONVERTED}.{kind}")
                if kind != _ORIGINALS[path.suffix.lower()] and not target.exists():
                    image = image or _upright(path)
                    _put(target, write(image))
                    made += 1
                bar.advance(task)
        for path in drawings:
            target = path.with_name(f"{path.stem}{_CONVERTED}.svgz")
            if not target.exists():
                _put(target, gzip.compress(path.read_bytes(), 6, mtime=0))
                made += 1
            bar.advance(task)
    print(f"{made} files made, {len(photos)} photographs in {len(_WRITERS)} formats, {len(drawings)} drawings")
    return 0


def _is_original(path: Path) -> bool:
    return path.suffix.lower() in _ORIGINALS and _CONVERTED not in path.name


def _upright(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


def _put(target: Path, data: bytes) -> None:
    beside = target.with_suffix(".tmp")
    beside.write_bytes(data)
    beside.replace(target)


def _pillow(kind: str, **options: object) -> Callable[[Image.Image], bytes]:
    def write(image: Image.Image) -> bytes:
        out = io.BytesIO()
        (image.quantize(256) if kind == "GIF" else image).save(out, kind, **options)
        return out.getvalue()

    return write


def _heic(image: Image.Image) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=85)
    return out.getvalue()


def _jxl(image: Image.Image) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=0.6, effort=5, numthreads=1))


_WRITERS: dict[str, Callable[[Image.Image], bytes]] = {
    "jpg": _pillow("JPEG", quality=92, subsampling=0),
    "png": _pillow("PNG", compress_level=6),
    "webp": _pillow("WEBP", quality=90),
    "avif": _pillow("AVIF", quality=85, speed=6, max_threads=1),
    "heic": _heic,
    "jxl": _jxl,
    "gif": _pillow("GIF"),
    "tiff": _pillow("TIFF"),
    "bmp": _pillow("BMP"),
}

if __name__ == "__main__":
    sys.exit(main())

"""Pictures a second of one core, by format and effort: ``python -m benchmarks.throughput [PHOTO.png DRAWING.png]``.

A photograph and a drawing of one megapixel each, as JPEG and PNG, in one process that has what the pool's children have.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pixlean.sandbox.zygote import CHILD_ENVIRONMENT

_SIDES = (1152, 864)
_EFFORTS = {"fast": 0, "default": None, "max": 9}
# Source, target; the target None is the same format.
_WAYS = (("photo.jpg", None), ("photo.jpg", "webp"), ("photo.jpg", "avif"), ("photo.jpg", "auto"), ("drawing.png", None),
         ("drawing.png", "webp"), ("photo.png", None))  # fmt: skip
_ONE = """
import json, sys, time
import pixlean
path, target, effort, times = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
data = open(path, "rb").read()
pixlean.compress(data, quality=75, format=target, effort=effort)
began = time.process_time()
for _ in range(times):
    made = pixlean.compress(data, quality=75, format=target, effort=effort)
print(json.dumps([(time.process_time() - began) / times, len(made.data) / len(data)]))
"""


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as place:
        _make(Path(place), [Path(name) for name in sys.argv[1:3]])
        print("| from | to | " + " | ".join(f"{name}: a second, of the source" for name in _EFFORTS) + " |")
        print("|---" * (len(_EFFORTS) + 2) + "|")
        for source, target in _WAYS:
            cells = []
            for effort in _EFFORTS.values():
                seconds, share = _measured(Path(place) / source, target, effort)
                cells.append(f"{1 / seconds:.2f}, {100 * share:.0f} %")
            print(f"| {source} | {target or 'the same'} | " + " | ".join(cells) + " |", flush=True)


def _make(place: Path, given: list[Path]) -> None:
    """The two pictures that were named, cropped to a megapixel, or made-up ones."""
    images = [_fitted(Image.open(path).convert("RGB")) for path in given] if len(given) == 2 else [_photo(), _drawing()]
    for name, image in zip(("photo", "drawing"), images, strict=True):
        image.save(place / f"{name}.png")
        out = io.BytesIO()
        image.save(out, "JPEG", quality=92)
        (place / f"{name}.jpg").write_bytes(out.getvalue())


def _fitted(image: Image.Image) -> Image.Image:
    factor = max(_SIDES[0] / image.width, _SIDES[1] / image.height)
    grown = image.resize((round(image.width * factor), round(image.height * factor))) if factor > 1 else image
    left, top = (grown.width - _SIDES[0]) // 2, (grown.height - _SIDES[1]) // 2
    return grown.crop((left, top, left + _SIDES[0], top + _SIDES[1]))


def _photo() -> Image.Image:
    from skimage import data

    return _fitted(Image.fromarray(data.coffee()))


def _drawing() -> Image.Image:
    image = Image.fromarray(np.full((_SIDES[1], _SIDES[0], 3), 250, np.uint8))
    pen = ImageDraw.Draw(image)
    for number in range(120):
        left, top = number % 12 * 94, number // 12 * 84
        pen.rectangle((left + 6, top + 30, left + 6 + number % 7 * 11, top + 60), fill=(number * 2, 90, 200 - number))
        pen.text((left + 6, top + 8), f"item {number}", fill=(30, 30, 30))
    return image


def _measured(source: Path, target: str | None, effort: int | None) -> tuple[float, float]:
    times = 1 if effort == 9 or target in ("avif", "auto") else 3
    words = [sys.executable, "-c", _ONE, str(source), json.dumps(target), json.dumps(effort), str(times)]
    made = subprocess.run(words, env={**os.environ, **CHILD_ENVIRONMENT}, capture_output=True, text=True, check=True)
    seconds, share = json.loads(made.stdout)
    return seconds, share


if __name__ == "__main__":
    main()

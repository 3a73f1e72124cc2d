"""Bytes at equal SSIMULACRA2 against Pillow and oxipng: ``python -m benchmarks.codecs [FOLDER ...]``."""

from __future__ import annotations

import io
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

import pixlean
from pixlean.imaging.ssimulacra2 import compare, prepare

QUALITIES = (40, 60, 75, 85)


def pictures(folders: list[str]) -> list[tuple[str, Image.Image]]:
    if folders:
        paths = sorted(path for folder in folders for path in Path(folder).rglob("*.png"))
        return [(path.name, Image.open(path).convert("RGB")) for path in paths]
    from skimage import data

    return [(name, Image.fromarray(getattr(data, name)())) for name in ("astronaut", "coffee", "chelsea", "rocket")]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)  # type: ignore[arg-type]
    return out.getvalue()


def jpeg(found: list[tuple[str, Image.Image]]) -> None:
    print("JPEG at the same quality number: our bytes / Pillow's (4:2:0, optimised), and our score minus theirs")
    for progressive in (True, False):
        for quality in QUALITIES:
            ratios, gains, seconds = [], [], []
            for _, image in found:
                reference = prepare(np.asarray(image))
                source = saved(image, "JPEG", quality=98, subsampling=0)
                started = time.process_time()
                ours = pixlean.compress(source, quality=quality, progressive_jpeg=progressive).data
                seconds.append(time.process_time() - started)
                decoded = Image.open(io.BytesIO(source)).convert("RGB")
                theirs = saved(decoded, "JPEG", quality=quality, optimize=True, progressive=progressive, subsampling=2)
                scores = [compare(reference, np.asarray(Image.open(io.BytesIO(made)))) for made in (ours, theirs)]
                ratios.append(len(ours) / len(theirs))
                gains.append(scores[0] - scores[1])
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            kind = "progressive" if progressive else "baseline"
            print(
                f"  {kind:11} q{quality}: bytes {mean:.3f}  score {statistics.fmean(gains):+.2f} "
                f"(worst {min(gains):+.2f})  cpu {1000 * statistics.fmean(seconds):.0f} ms"
            )


def webp(found: list[tuple[str, Image.Image]]) -> None:
    print("WebP: our bytes / Pillow method 4 at the same score (interpolated)")
    for quality in QUALITIES:
        ratios = []
        for _, image in found:
            source = saved(image, "WEBP", lossless=True, method=0) if quality < 70 else saved(image, "WEBP", quality=99)
            image = Image.open(io.BytesIO(source)).convert("RGB")
            reference = prepare(np.asarray(image))
            ours = pixlean.compress(source, quality=quality).data
            wanted = compare(reference, np.asarray(Image.open(io.BytesIO(ours)).convert("RGB")))
            points = []
            for step in range(max(5, quality - 15), min(100, quality + 16), 3):
                made = saved(image, "WEBP", quality=step, method=4)
                points.append((compare(reference, np.asarray(Image.open(io.BytesIO(made)).convert("RGB"))), len(made)))
            points.sort()
            ratios.append(len(ours) / np.interp(wanted, [point[0] for point in points], [point[1] for point in points]))
        print(f"  q{quality}: {math.exp(statistics.fmean(map(math.log, ratios))):.3f}")


def png(found: list[tuple[str, Image.Image]]) -> None:
    import oxipng

    print("lossless PNG: our bytes / oxipng level 4")
    ratios = []
    for _, image in found:
        source = saved(image, "PNG")
        peer = oxipng.optimize_from_memory(source, level=4, strip=oxipng.StripChunks.safe())
        ratios.append(len(pixlean.compress(source, png_lossy=False).data) / len(peer))
    print(f"  {math.exp(statistics.fmean(map(math.log, ratios))):.4f} (worst {max(ratios):.4f})")


def main() -> None:
    found = pictures(sys.argv[1:])
    print(f"{len(found)} pictures")
    for measure in (jpeg, webp, png):
        measure(found)


if __name__ == "__main__":
    main()

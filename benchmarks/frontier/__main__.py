"""``python -m benchmarks.frontier --photos FOLDER --graphics FOLDER``: bytes at equal look, and what they cost."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.frontier import drawn, page
from benchmarks.frontier.encoders import Encoder, encoders
from benchmarks.frontier.points import Point, has_butteraugli, measure
from pixlean.imaging.perception import Judge


def main() -> None:
    """Measure, keep the points as JSON, print the tables and draw the plots."""
    wanted = _arguments()
    if wanted.show:
        points, pairs = page.load(wanted.show)
    else:
        points, pairs = _measured(wanted)
        kept = {"points": [point.as_dict() for point in points], "pairs": [pair.as_dict() for pair in pairs]}
        wanted.json.parent.mkdir(parents=True, exist_ok=True)
        wanted.json.write_text(json.dumps(kept, indent=1))
    print(page.section(points, pairs))
    if wanted.plots:
        page.write_plots(points, encoders(), page.KINDS[0], wanted.plots)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frontier", description=__doc__)
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="folders or files (PNG, JPEG)")
    parser.add_argument("--graphics", type=Path, nargs="*", default=[], help="folders or files (PNG)")
    parser.add_argument("--gifs", type=Path, nargs="*", default=[])
    parser.add_argument("--svgs", type=Path, nargs="*", default=[])
    parser.add_argument("--format", nargs="*", default=[], help="only these formats")
    parser.add_argument(
        "--most-megapixels", type=float, help="larger pictures are measured on a piece from their middle"
    )
    parser.add_argument("--most-pictures", type=int, help="evenly taken from each kind")
    parser.add_argument("--json", type=Path, default=Path("reports/frontier.json"))
    parser.add_argument("--show", type=Path, help="tables and plots of a run that is there")
    parser.add_argument("--plots", type=Path, help="a folder for the plots")
    return parser.parse_args()


def _measured(wanted: argparse.Namespace) -> tuple[list[Point], list[drawn.Pair]]:
    rows = [encoder for encoder in encoders() if not wanted.format or encoder.format in wanted.format]
    if not rows:
        raise SystemExit(f"--format: none of {', '.join(dict.fromkeys(each.format for each in encoders()))}")
    for encoder in rows:
        if encoder.missing:
            print(f"not measured: {encoder.name} ({encoder.missing})")
    butteraugli = has_butteraugli()
    if not butteraugli:
        print("not measured: Butteraugli (its program is not installed)")
    points = []
    given = {page.KINDS[0]: _files(wanted.photos), page.KINDS[1]: _files(wanted.graphics)}
    if not any(given.values()):
        raise SystemExit("name pictures with --photos or --graphics")
    with tempfile.TemporaryDirectory() as place:
        for kind, paths in given.items():
            step = max(1, len(paths) / (wanted.most_pictures or len(paths) or 1))
            for path in (paths[int(at * step)] for at in range(int(len(paths) / step))):
                plain, judge = _prepared(path, Path(place), wanted.most_megapixels)
                points += _of_picture(rows, plain, kind, judge, butteraugli=butteraugli)
                print(f"{time.strftime('%H:%M:%S')} {path.name}", flush=True)
    return points, [*drawn.gifs(_files(wanted.gifs)), *drawn.svgs(_files(wanted.svgs))]


def _of_picture(rows: list[Encoder], path: Path, kind: str, judge: Judge, *, butteraugli: bool) -> list[Point]:
    found = []
    for encoder in rows:
        if not encoder.missing:
            try:
                found += measure(encoder, path, kind, judge, butteraugli=butteraugli)
            except RuntimeError as error:
                print(f"{path.name} by {encoder.name}: {error}")
    return found


def _files(given: list[Path]) -> list[Path]:
    found = []
    for path in given:
        found += sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return found


def _prepared(path: Path, folder: Path, most_megapixels: float | None) -> tuple[Path, Judge]:
    """The picture as an RGB PNG without a profile, on white where it has alpha, of even sides."""
    with Image.open(path) as image:
        shown = image.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    white.alpha_composite(shown)
    wide, high = shown.width & ~1, shown.height & ~1
    if most_megapixels and wide * high > most_megapixels * 1e6:
        share = (most_megapixels * 1e6 / (wide * high)) ** 0.5
        wide, high = int(wide * share) & ~1, int(high * share) & ~1
    left, top = (shown.width - wide) // 2, (shown.height - high) // 2
    plain = white.convert("RGB").crop((left, top, left + wide, top + high))
    made = folder / f"{path.stem}.png"
    plain.save(made)
    return made, Judge((np.asarray(plain),))


if __name__ == "__main__":
    main()

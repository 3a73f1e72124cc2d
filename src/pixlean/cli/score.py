"""``pixlean score``."""

from __future__ import annotations

import sys
from pathlib import Path


def score(original: Path, other: Path, /) -> None:
    """Say how alike two pictures look: SSIMULACRA2, 100 identical, 90 no visible difference, 50 clearly worse.

    The files are decoded in this process: score your own pictures only.
    """
    from pixlean.domain.edits import NO_EDITS
    from pixlean.domain.errors import PixleanError
    from pixlean.engine.probe import probe
    from pixlean.engine.registry import codec_for
    from pixlean.imaging.edit import edited
    from pixlean.imaging.perception import Judge

    frames = []
    for path in (original, other):
        try:
            data = path.read_bytes()
            info = probe(data)
            codec = codec_for(info.format)
            frames.append(edited(codec, data, info, NO_EDITS, upright=bool(getattr(codec, "UPRIGHT", False))).frames)
        except (OSError, PixleanError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            sys.exit(2)
    if [frame.shape[:2] for frame in frames[0][:1]] != [frame.shape[:2] for frame in frames[1][:1]]:
        print("the pictures have different sizes", file=sys.stderr)
        sys.exit(1)
    print(f"{Judge(frames[0]).score(frames[1]):.2f}")

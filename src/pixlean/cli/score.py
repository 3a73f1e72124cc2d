"""``pixlean score``."""

from __future__ import annotations

import sys
from pathlib import Path


def score(original: Path, other: Path, /) -> None:
    """Say how alike two pictures look: SSIMULACRA2, 100 identical, 90 no visible difference, 50 clearly worse.

    The files are decoded in this process: score your own pictures only.
    """
    import pixlean

    try:
        print(f"{pixlean.score(original.read_bytes(), other.read_bytes()):.2f}")
    except (OSError, pixlean.PixleanError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(1)

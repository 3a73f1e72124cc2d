"""``pixlean score``."""

from __future__ import annotations

from pathlib import Path

from pixlean.cli.say import Exit, fail, why


def score(original: Path, other: Path, /) -> None:
    """Say how alike two pictures look: SSIMULACRA2, 100 identical, 90 no visible difference, 50 clearly worse.

    The files are decoded in this process: score your own pictures only.

    Parameters
    ----------
    original
        A picture file.
    other
        A picture file of the same width and height, in any format.
    """
    import pixlean

    try:
        print(f"{pixlean.score(original.read_bytes(), other.read_bytes()):.2f}")
    except (OSError, pixlean.PixleanError) as error:
        fail(why(error), about=error.filename if isinstance(error, OSError) else None)
    except ValueError as error:
        fail(str(error), code=Exit.FAILED)

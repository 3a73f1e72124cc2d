"""The rogue on a machine that lets no filter be installed: only what the zygote itself does holds then."""

from __future__ import annotations

import rogue  # noqa: F401 - imported for what it changes

from pixlean.sandbox import broker, child


def _nothing(**_: object) -> bool:
    return False


child.restrict_calls = broker.restrict_calls = _nothing  # type: ignore[attr-defined]
if __name__ == "__main__":
    child.main()

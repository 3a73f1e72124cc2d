"""A process that measures cases: one JSON line in, one JSON line out. What one case breaks, only it loses."""

from __future__ import annotations

import json
import sys

from benchmarks.corpus import Case
from benchmarks.measure import Result, measure


def main() -> None:
    """Until the input ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        case = Case(**asked["case"])
        try:
            result = measure(case, repeat=asked["repeat"], against=tuple(asked["against"]))
        except Exception as error:  # a case that fails is a result
            facts = {"path": case.path, "group": case.group, "format": case.format, "preset": case.preset}
            result = Result(**facts, error=f"{type(error).__name__}: {error}"[:300])
        print(json.dumps(result.as_dict()), flush=True)


if __name__ == "__main__":
    main()

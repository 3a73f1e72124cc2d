"""Rules of the house that a test keeps."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pixlean
from pixlean.domain.errors import ErrorCode
from pixlean.domain.formats import FORMATS, Format
from pixlean.web.app import DIALECTS

SOURCE = Path(pixlean.__file__).parent


def test_the_serving_process_loads_no_imaging_library() -> None:
    said = "import sys, pixlean.asgi; print(sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout
    for name in ("PIL", "numpy", "cv2", "pyvips", "imagecodecs", "oxipng", "lxml", "pillow_heif"):
        assert f"'{name}'" not in loaded


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.NAME)
def test_every_dialect_has_words_for_every_code(dialect: object) -> None:
    assert set(ErrorCode) == set(dialect.ERRORS)  # type: ignore[attr-defined]


def test_every_format_has_a_row() -> None:
    assert set(FORMATS) == set(Format)


@pytest.mark.parametrize(
    ("dangerous", "owners"),
    [
        (r"os\.environ", {"config.py", "sandbox/pool.py"}),
        (r"\bpickle\b", {"sandbox/wire.py", "sandbox/pool.py"}),  # both only say that they do not use it
        (r"\bsubprocess\b", {"sandbox/pool.py"}),
        (r"os\.fork|os\.exec", {"imaging/tools.py", "sandbox/child.py"}),
    ],
)
def test_each_dangerous_thing_has_one_owner(dangerous: str, owners: set[str]) -> None:
    found = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if re.search(dangerous, path.read_text("utf-8"))
    }
    assert found <= owners

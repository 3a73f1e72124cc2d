"""The examples of docs/library.md run as they stand, and their types are right."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import pixlean
from pictures import photo, saved
from pixlean import aio

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_examples_run(tmp_path: Path, number: int) -> None:
    (tmp_path / "photo.jpg").write_bytes(saved(photo(), "JPEG", quality=95))
    program = tmp_path / "example.py"
    program.write_text(BLOCKS[number])
    done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


def test_examples_are_typed(tmp_path: Path) -> None:
    for number, block in enumerate(BLOCKS):
        (tmp_path / f"example_{number}.py").write_text(block)
    files = [str(path) for path in sorted(tmp_path.glob("*.py"))]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file", str(ROOT / "pyproject.toml"), *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (Path(pixlean.__file__).parent / "py.typed").exists()


def test_the_faces_have_the_same_words() -> None:
    words = list(inspect.signature(pixlean.compress).parameters)
    assert words[:8] == [
        "data",
        "quality",
        "format",
        "max_width",
        "max_height",
        "target_bytes",
        "min_score",
        "strip_metadata",
    ]
    for twin in (pixlean.estimate, aio.compress, aio.estimate):
        assert list(inspect.signature(twin).parameters) == words
    for method in (aio.Pool.compress, pixlean.Pool.compress):
        assert list(inspect.signature(method).parameters) == ["self", *words]


def test_tools_that_read_types_at_run_time_find_them() -> None:
    for face in (pixlean.compress, pixlean.estimate, aio.compress, aio.info, pixlean.Pool.compress, aio.Pool.compress):
        assert "return" in typing.get_type_hints(face)
    assert typing.get_type_hints(pixlean.compress)["return"] is pixlean.Outcome


def test_errors_name_the_argument() -> None:
    data = saved(photo(), "JPEG", quality=95)
    for words, name in (
        ({"quality": 0}, "quality"), ({"quality": "60"}, "quality"), ({"format": "docx"}, "format"), ({"max_width": 0}, "max_width"),
        ({"target_bytes": -1}, "target_bytes"), ({"min_score": 101}, "min_score"), ({"effort": 12}, "effort"), ({"colour": 1}, "colour"),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=name):
            pixlean.compress(data, **words)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="data must be bytes or a path"):
        pixlean.compress("photo.jpg")  # type: ignore[arg-type]


def test_reprs_are_short() -> None:
    outcome = pixlean.compress(saved(photo(), "PNG"), format="webp", max_width=64)
    assert len(repr(outcome)) < 120 and len(repr(outcome.report)) < 120 and "webp" in repr(outcome)
    assert len(repr(pixlean.probe(saved(photo(), "PNG")))) < 700

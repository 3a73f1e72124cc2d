"""Rules of the house that a test keeps."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pixlean
from pixlean.domain.errors import ErrorCode
from pixlean.domain.formats import FORMATS, Format
from pixlean.engine.registry import codec_for
from pixlean.imaging.contract import Codec
from pixlean.web.dialect import Dialect
from pixlean.wiring.dialects import dialects
from pixlean.wiring.environment import load

SOURCE = Path(pixlean.__file__).parent


def test_the_serving_process_loads_no_imaging_library() -> None:
    said = "import sys, pixlean.asgi; print(sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout
    for name in ("PIL", "numpy", "pyvips", "imagecodecs", "oxipng", "lxml", "pillow_heif"):
        assert f"'{name}'" not in loaded


@pytest.mark.parametrize("dialect", dialects(load({}).environment), ids=lambda dialect: dialect.name)
def test_every_dialect_has_words_for_every_code(dialect: Dialect) -> None:
    assert set(ErrorCode) == set(dialect.errors)


def test_every_format_has_a_row() -> None:
    assert set(FORMATS) == set(Format)


@pytest.mark.parametrize(
    ("dangerous", "owners"),
    [
        # Ray takes what must be said before it starts from there only.
        (r"os\.environ", {"config.py", "sandbox/zygote.py", "cli/made.py", "service/rayengine.py"}),
        (r"\bpickle\b", {"sandbox/wire.py"}),  # only says that it does not use it
        (r"\bsubprocess\b", {"sandbox/zygote.py"}),
        (r"os\.fork|os\.exec", {"imaging/tools.py", "sandbox/nursery.py", "sandbox/broker.py"}),
    ],
)
def test_each_dangerous_thing_has_one_owner(dangerous: str, owners: set[str]) -> None:
    found = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if re.search(dangerous, path.read_text("utf-8"))
    }
    assert found <= owners


# Where a format may be named: its own file, its row, its line, and the dialects' own words.
_MAY_NAME_FORMATS = ("codecs/", "domain/formats.py", "engine/registry.py", "web/dialects/")


def test_a_fact_about_a_format_stands_in_its_file_or_row() -> None:
    """No member of ``Format`` is named elsewhere, and in the engine no format's word either."""
    words = {str(name) for name in Format} | {"jpg", "heif"}
    found = []
    for path in SOURCE.rglob("*.py"):
        below = path.relative_to(SOURCE).as_posix()
        if below.startswith(_MAY_NAME_FORMATS):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            member = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Format"
            word = isinstance(node, ast.Constant) and node.value in words and below.startswith("engine/")
            if (member and node.attr.isupper()) or word:  # type: ignore[union-attr]
                found.append(f"{below}:{node.lineno}")
    assert not found, found


def test_codecs_have_no_hidden_members() -> None:
    """What a codec can is a typed field: nobody looks for it by name."""
    found = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for room in ("engine", "sandbox", "service")
        for path in (SOURCE / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Name) and node.id in ("getattr", "hasattr", "cast")
    ]
    assert not found, found


@pytest.mark.parametrize("name", Format, ids=str)
def test_every_format_has_a_codec_that_says_what_it_can(name: Format) -> None:
    codec = codec_for(name)
    assert isinstance(codec, Codec)
    row = FORMATS[name]
    assert row.only_read is (codec.trials is Codec.__dataclass_fields__["trials"].default)
    assert row.vector is (codec.draw is not None)
    if row.output:
        assert codec.writes is not None
    if codec.writes is None:
        assert row.becomes is not None and codec_for(row.becomes).writes is not None


def test_no_file_of_the_engine_is_too_long_to_be_read() -> None:
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in (SOURCE / "engine").glob("*.py")}
    assert max(lengths.values()) < 220, lengths

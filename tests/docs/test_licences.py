"""THIRD_PARTY.md names what is installed, and nothing with a licence that the docs don't speak of."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "document_licences.py"


def test_the_page_of_licences_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("document_licences", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    if not (script.ROOT / ".venv" / "bin" / "uv").exists():
        pytest.skip("uv is not in .venv: run the tests by make")
    page = script.page()
    assert script.PAGE.read_text("utf-8") == page, "run: .venv/bin/python scripts/document_licences.py"
    rows = re.findall(r"^\| ([a-z0-9._-]+) \| \S+ \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) > 40
    assert not [name for name, licence in rows if licence == "see the package"]
    # Whoever ships a server may link to the LGPL; the GPL comes with the extra heic, inside a wheel.
    copyleft = {name for name, licence in rows if re.search(r"GPL|Affero|MPL", licence)}
    assert copyleft <= {"pyvips-binary", "certifi"}, copyleft

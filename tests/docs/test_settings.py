"""The reference of settings is what the code would write now, and shows no secret."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pixlean.domain.settings import variables
from pixlean.wiring.environment import ROOMS

SCRIPT = Path(__file__).parents[2] / "scripts" / "document_settings.py"


def test_the_page_of_settings_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("document_settings", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text("utf-8") == script.page(), "run: .venv/bin/python scripts/document_settings.py"
    lines = script.page().splitlines()
    told = [variable for room in ROOMS for _, variable in variables(room)]
    for variable in told:
        row = next(line for line in lines if line.startswith(f"| `{variable.name}` |"))
        assert variable.sentence, f"{variable.name} has no sentence"
        if variable.kind.secret:
            assert row.startswith(f"| `{variable.name}` |  |")
    names = [variable.name for variable in told]
    assert len(names) == len(set(names)), "a variable is told twice"

"""What the chart, the dashboard and the workflows name is there. What they render to needs their own tools (docs/deploying.md)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pixlean.domain.settings import variables
from pixlean.wiring.environment import ROOMS
from serving import Server

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "pixlean"
SETTINGS = {variable.name for room in ROOMS for _, variable in variables(room)}


def test_the_chart_s_defaults_keep_to_its_schema_and_mistakes_do_not() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.validate(values, schema)
    wrong: list[dict[str, Any]] = [
        {"replicas": "two"}, {"settings": {"max_file": 3}}, {"imge": {}}, {"service": {"port": 0}},
        {"persistence": {"size": "much"}},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**values, **each}, schema)
    assert set(values) == set(schema["properties"]) - {"global"}


def test_every_value_that_a_template_reads_has_a_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    read = {
        name for file in (CHART / "templates").iterdir() for name in re.findall(r"\.Values\.([\w.]+)", file.read_text())
    }
    for name in read - {"secrets.DATABASE_URL"}:
        found: Any = values
        for part in name.split("."):
            assert part in found, name
            found = found[part]


def test_the_dashboard_shows_metrics_that_there_are() -> None:
    server = Server()
    try:
        there = set(re.findall(r"^# TYPE (pixlean_\w+)", server.client.get("/metrics").text, re.MULTILINE))
    finally:
        server.stop()
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    asked = {name for each in re.findall(r"pixlean_\w+", json.dumps(dashboard["panels"])) for name in [each]}
    assert asked and all(name in there or re.sub(r"_(bucket|total)$", "", name) in there for name in asked), (
        asked - there
    )


def test_workflows_pin_what_they_run_and_may_do_little() -> None:
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = file.read_text()
        assert all(
            re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", used) for used in re.findall(r"uses: (.+)", text)
        ), file
        assert yaml.safe_load(text)["permissions"] == {}

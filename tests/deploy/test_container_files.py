"""What Dockerfile and compose.yaml name is there. Whether the image runs is told by building it (docs/containers.md)."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from pixlean.domain.settings import variables
from pixlean.wiring.environment import ROOMS

SETTINGS = {variable.name for room in ROOMS for _, variable in variables(room)}
ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# What programs of other people read, in the image's environment.
_NOT_OURS = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def test_what_is_copied_is_there_and_gets_into_the_build() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    assert copied and copied == let_in and all((ROOT / name).exists() for name in copied)


def test_the_image_sets_settings_that_exist_and_asks_for_a_key() -> None:
    stage = DOCKERFILE.rpartition("\nFROM ")[2]
    names = dict(re.findall(r"([A-Z_]+)=(\S+)", re.search(r"^ENV ((?:.*\\\n)*.*)$", stage, re.MULTILINE)[1]))
    assert set(names) - _NOT_OURS <= SETTINGS and names["REQUIRE_KEY"] == "true"
    assert "USER 65532:65532" in stage and "STOPSIGNAL SIGTERM" in stage


def test_compose_sets_settings_that_exist_and_is_not_open_to_the_net() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    server = services["pixlean"]
    assert set(server["environment"]) <= SETTINGS | {"AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    assert server["ports"] == ["${PIXLEAN_ADDRESS:-127.0.0.1}:${PORT:-8080}:8080"]
    assert all(each["read_only"] and each["cap_drop"] == ["ALL"] for each in services.values())

"""The page of the native API names every option, error, header and field that the API has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pixlean.domain.errors import ErrorCode
from pixlean.web.dialects.native import ERRORS, PATHS

PAGE = (Path(__file__).parents[2] / "docs" / "native.md").read_text("utf-8")
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
NAMED = {word for span in re.findall(r"`([^`]+)`", PROSE) for word in re.findall(r"[\w./-]+", span)}
# Words for faults that other dialects' requests can have.
NEVER_HERE = {"quota_exceeded", "not_ready", "link_expired", "invalid_signature"}
NEVER_HERE_AT_ALL = {ErrorCode.KEY_REUSED}  # whose word others have


def json_schema(path: str) -> dict[str, Any]:
    schema: dict[str, Any] = PATHS[path]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    return schema


@pytest.mark.parametrize("group", ["optimization", "storage"])
def test_every_option_is_told_with_its_default_and_its_words(group: str) -> None:
    section = PAGE.split(f"\n## {group}\n")[1].split("\n## ")[0]
    for name, schema in json_schema("/optimize")[group]["properties"].items():
        row = next(line for line in section.splitlines() if line.startswith("| ") and f"`{name}`" in line.split("|")[1])
        for word in schema.get("enum", ()):
            assert f"`{word}`" in row or word is None, (name, word)
        for border in ("minimum", "maximum"):
            assert str(schema.get(border, "")) in row, (name, border)


def test_every_error_is_told_with_its_status() -> None:
    told = {
        (int(status), word)
        for statuses, words in re.findall(r"^\| ([\d, ]+) \| ([^|]+) \|", PAGE.split("\n## Errors\n")[1], re.MULTILINE)
        for status, word in zip_words(statuses, words)
    }
    ours = {entry for code, entry in ERRORS.items() if entry[1] not in NEVER_HERE and code not in NEVER_HERE_AT_ALL}
    assert told == ours


def zip_words(statuses: str, words: str) -> list[tuple[str, str]]:
    numbers, names = statuses.strip().split(", "), re.findall(r"`(\w+)`", words)
    return list(zip(numbers * len(names) if len(numbers) == 1 else numbers, names, strict=True))


def test_every_header_and_field_is_named() -> None:
    optimized = PATHS["/optimize"]["post"]["responses"]["200"]
    estimated = PATHS["/estimate"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    stored = optimized["content"]["application/json"]["schema"]["properties"]
    names = {*optimized["headers"], *estimated, *stored, *json_schema("/estimate"), *PATHS}
    assert not names - NAMED

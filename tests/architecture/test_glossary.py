"""The words of the house: each names one thing, so no two classes bear the same one."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import pixlean

SOURCE = Path(pixlean.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"
WORDS = re.findall(r"^- \*\*(\w+)\*\*: \S.*\.$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def classes() -> dict[str, list[str]]:
    """Every class of the package, with the files that define one of its name."""
    found = defaultdict(list)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(SOURCE)))
    return found


def test_every_word_is_told_once_in_one_line() -> None:
    entries = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("- ")]
    assert len(WORDS) == len(set(WORDS)) == len(entries) > 20


@pytest.mark.parametrize("word", WORDS)
def test_a_word_names_one_class_at_most(word: str, classes: dict[str, list[str]]) -> None:
    assert len(classes.get(word, [])) <= 1, f"{word} is defined in {', '.join(classes[word])}"

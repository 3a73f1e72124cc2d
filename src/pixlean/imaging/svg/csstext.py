"""CSS as tokens with their places in the text, so that parts of it can be cut out and the rest stays as written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import tinycss2

Token = Any
# What each kind of block is closed by.
BLOCKS = {"{} block": "}", "[] block": "]", "() block": ")", "function": ")"}
MOST_NESTED = 64
_TRAILING_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


@dataclass
class Cuts:
    """What is to be replaced in a text, by position; and why."""

    edits: list[tuple[int, int, str]] = field(default_factory=list)
    dangerous: bool = False
    private: bool = False

    def cut(self, start: int, stop: int, *, dangerous: bool = True, instead: str = "") -> None:
        self.edits.append((start, stop, instead))
        self.dangerous |= dangerous

    def applied(self, text: str) -> str:
        for start, stop, instead in sorted(self.edits, reverse=True):
            text = text[:start] + instead + text[stop:]
        return text


@dataclass(frozen=True)
class Spanned:
    """A token with its place in the text."""

    node: Token
    start: int
    stop: int

    @property
    def kind(self) -> str:
        return str(self.node.type)

    @property
    def is_space(self) -> bool:
        return self.kind in ("whitespace", "comment")


class Reader:
    """A text with its tokens and their places; ``text`` is ``None`` where it can't be closed or nests too deeply."""

    def __init__(self, text: str) -> None:
        self.text: str | None = _closed(text)
        if self.text is None:
            return
        starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        self._line_starts = starts
        self.spans = self.within(tinycss2.parse_component_value_list(self.text), len(self.text))

    def within(self, tokens: list[Token], stop: int) -> list[Spanned]:
        """The tokens of a block whose content ends at ``stop``: each ends where the next one begins."""
        places = [self._line_starts[each.source_line - 1] + each.source_column - 1 for each in tokens]
        return [Spanned(token, *place) for token, place in zip(tokens, pairwise([*places, stop]), strict=True)]

    def inside(self, block: Spanned) -> list[Spanned]:
        """The tokens between a block's brackets."""
        content = block.node.arguments if block.kind == "function" else block.node.content
        return self.within(content, block.stop - 1)


def _closed(text: str) -> str | None:
    """The text with everything closed that is open at its end; ``None`` where that can't be."""
    text = _TRAILING_ESCAPE.sub(lambda found: found.group()[:-1], text)
    for _ in range(3):
        path = _open_at_the_end(text)
        if path is not None:
            return text + "".join(reversed(path)) if len(path) <= MOST_NESTED else None
        last = _last(tinycss2.parse_component_value_list(text))
        if last is None:
            return None
        lines = text.split("\n")
        at = sum(len(line) + 1 for line in lines[: last.source_line - 1]) + last.source_column - 1
        if last.type == "comment":
            text += "/" if text.endswith("*") and len(text) - at > 2 else "*/"
        elif last.type == "error" and last.kind == "eof-in-url":
            text += ")"
        elif last.type == "error" and last.kind == "eof-in-string":
            text += text[at]
        else:
            return None
    return None


def _open_at_the_end(text: str) -> list[str] | None:
    """The brackets that are still open behind the text; ``None`` where a string, URL or comment is."""
    tokens = tinycss2.parse_component_value_list(text + "/**/")
    path: list[str] = []
    while tokens:
        last = tokens[-1]
        if last.type == "comment":
            return path if last.value == "" and _ends_alone(text, last) else None
        if last.type not in BLOCKS:
            return None
        path.append(BLOCKS[last.type])
        tokens = last.arguments if last.type == "function" else last.content
    return None


def _ends_alone(text: str, comment: Token) -> bool:
    """Whether a comment is the one that was put behind the text."""
    lines = text.split("\n")
    return bool(comment.source_line == len(lines) and comment.source_column == len(lines[-1]) + 1)


def _last(tokens: list[Token]) -> Token | None:
    while tokens:
        last = tokens[-1]
        if last.type not in BLOCKS:
            return last
        tokens = last.arguments if last.type == "function" else last.content
    return None

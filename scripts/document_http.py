"""Write docs/http.md and docs/errors.md out of the dialects: ``python scripts/document_http.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pixlean.domain.errors import ErrorCode
from pixlean.web.dialect import Dialect
from pixlean.wiring.dialects import dialects
from pixlean.wiring.environment import load

DOCS = Path(__file__).parents[1] / "docs"
_MADE = "Made by `python scripts/document_http.py` from `src/pixlean/web/dialects/`; do not edit. A test compares the two.\n"
_HTTP_HEAD = f"""# Every endpoint

{_MADE}
What a running server tells at `GET /openapi.json`, for people. Examples that were run are on each API's own page.
"""
_ERRORS_HEAD = f"""# Errors

{_MADE}
What goes wrong has one code inside pixlean; each API tells it by its own status and word. `Retry-After` goes with 429 and 503 wherever a later try may work.
"""


def pages() -> dict[Path, str]:
    """The pages' texts by their files."""
    found = dialects(load({}).environment)
    return {
        DOCS / "http.md": _HTTP_HEAD + "".join(line for dialect in found if dialect.paths for line in _api(dialect)),
        DOCS / "errors.md": _ERRORS_HEAD + "".join(_errors(found)),
    }


def _api(dialect: Dialect) -> Iterator[str]:
    yield f"\n## {dialect.title}\n\n{dialect.about}\n"
    for path, methods in dialect.paths.items():
        for method, told in methods.items():
            if isinstance(told, Mapping) and "responses" in told:
                yield f"\n### `{method.upper()} {path}`\n\n{told.get('summary', '')}\n"
                yield from _table("parameter", _parameters(told))
                for media_type, schema in _bodies(told):
                    yield from _table(f"`{media_type}`", _fields(schema))
                answers = ", ".join(
                    f"{status}: {each.get('description', '')}".rstrip(": .")
                    for status, each in told["responses"].items()
                )
                yield f"\nAnswers: {answers}.\n"


def _table(head: str, rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    found = list(rows)
    if found:
        yield f"\n| {head} | | |\n|---|---|---|\n"
        for row in found:
            yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |\n"


def _parameters(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in told.get("parameters", ()):
        place = f"{each['in']}{', needed' if each.get('required') else ''}"
        yield f"`{each['name']}`", f"{place}, {_kind(each.get('schema', {}))}", each.get("description", "")


def _bodies(told: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for media_type, body in told.get("requestBody", {}).get("content", {}).items():
        yield media_type, body.get("schema", {})


def _fields(schema: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str, str]]:
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        told = f"{_kind(field)}{', needed' if name in needed else ''}"
        yield f"`{before}{name}`", told, field.get("description", "")
        yield from _fields(field, f"{before}{name}.")


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    told = " or ".join(each for each in kind if each != "null") if isinstance(kind, list) else str(kind)
    if "enum" in schema:
        told = "one of " + ", ".join(f"`{each}`" for each in schema["enum"] if each is not None)
    elif "minimum" in schema or "maximum" in schema:
        least, most = schema.get("minimum"), schema.get("maximum")
        told += (f" from {least}" if least is not None else "") + (f" to {most}" if most is not None else "")
    return told + (f", default `{schema['default']}`" if "default" in schema else "")


def _errors(found: tuple[Dialect, ...]) -> Iterator[str]:
    yield "\n| code | " + " | ".join(dialect.title for dialect in found) + " |\n" + "|---" * (len(found) + 1) + "|\n"
    for code in ErrorCode:
        cells = []
        for dialect in found:
            status, word = dialect.errors[code]
            shown = word if isinstance(word, str | int) else ""
            cells.append(f"{status} `{shown}`" if shown != "" else str(status))
        yield f"| `{code}` | " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, "utf-8")
        print(f"{path} is written")

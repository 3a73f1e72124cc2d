"""The OpenAPI document of all dialects, and the same as a page; neither loads anything from elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.version import VERSION
from pixlean.web.contract import Dialect

_TEXT = "Makes images smaller and keeps them looking the same. Several public APIs on one port."
_REQUEST_ID = {"description": "A UUID, on every response.", "schema": {"type": "string", "format": "uuid"}}
# Faults that no single endpoint has of its own: any request may meet them.
_ANYWHERE = (ErrorCode.INVALID_REQUEST, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.INTERNAL)
_WORK = tuple(code for code in ErrorCode if code is not ErrorCode.NOT_FOUND)


def document(dialects: Iterable[Dialect]) -> dict[str, Any]:
    """The whole document; each work endpoint has every error of its dialect, with an example."""
    paths: dict[str, Any] = {}
    for dialect in dialects:
        for path, verbs in dialect.PATHS.items():
            paths[path] = {verb: _operation(dialect, verb, path, operation) for verb, operation in verbs.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "pixlean", "version": VERSION, "description": _TEXT, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
            }
        },
    }


def picture_from_form(
    summary: str, schema: Mapping[str, Any], headers: Mapping[str, Any], media_types: Iterable[str]
) -> dict[str, Any]:
    """An endpoint, for a dialect's ``PATHS``, that takes a multipart form and answers with the image itself."""
    return {
        "post": {
            "summary": summary,
            "x-works": True,
            "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
            "responses": {
                "200": {
                    "description": "The image.",
                    "headers": headers,
                    "content": {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in media_types},
                }
            },
        }
    }


def _operation(dialect: Dialect, verb: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    works = operation.get("x-works", False)
    answers = {
        **_errors(dialect, _WORK if works else _ANYWHERE),
        **operation["responses"],
    }
    for answer in answers.values():
        answer["headers"] = {"X-Request-ID": _REQUEST_ID, **answer.get("headers", {})}
    made = {name: value for name, value in operation.items() if name not in ("responses", "x-works")}
    return {
        "operationId": f"{dialect.NAME}_{verb}_{path.strip('/').replace('/', '_') or 'root'}",
        "tags": [dialect.NAME],
        **({"security": [{}, {"bearer": []}]} if works else {}),
        **made,
        "responses": dict(sorted(answers.items())),
    }


def _errors(dialect: Dialect, codes: Iterable[ErrorCode]) -> dict[str, Any]:
    """One answer for each status, with an example of each of its errors."""
    found: dict[str, Any] = {}
    for code in codes:
        status, word = dialect.ERRORS[code]
        body = json.loads(bytes(dialect.show_error(PixleanError("what is wrong, in words", code=code)).body))
        answer = found.setdefault(
            str(status),
            {"description": "", "content": {"application/json": {"schema": {"type": "object"}, "examples": {}}}},
        )
        answer["content"]["application/json"]["examples"][str(code)] = {"value": body}
        words = dict.fromkeys(filter(None, [*answer["description"].split(", "), str(word)]))
        answer["description"] = ", ".join(words)
    return found


_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1.5rem;color:#222;background:#fff}
code,pre{font:14px/1.4 ui-monospace,monospace}pre{background:#f3f3f3;padding:.8rem;overflow:auto;border-radius:6px}
h2{border-top:1px solid #ccc;padding-top:1.2rem}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;
text-align:left;vertical-align:top}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}
pre{background:#242424}h2{border-color:#444}}
"""


def page(described: Mapping[str, Any]) -> str:
    """The document as plain HTML."""
    parts = [f"<h1>pixlean {html.escape(VERSION)}</h1><p>{html.escape(_TEXT)}</p>"]
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            parts.append(_section(path, verb, operation))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    title = "<title>pixlean: the APIs</title>"
    return f'<!doctype html><html lang="en"><head>{title}{head}</head><body>{"".join(parts)}</body></html>'


def _section(path: str, verb: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{status}</code></td><td>{html.escape(answer['description'])}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    bodies = "".join(
        f"<p>Body: <code>{kind}</code></p>{_fields(content.get('schema', {}))}{_example(content)}"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    return (
        f"<h2><code>{verb.upper()} {html.escape(path)}</code></h2><p>{html.escape(operation.get('summary', ''))}</p>"
        f"{bodies}<table>{rows}</table>"
    )


def _fields(schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code></td><td>{html.escape(_kind(field))}</td>"
        f"<td>{html.escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table>{rows}</table>" if rows else ""


def _kind(field: Mapping[str, Any]) -> str:
    kind = field.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _example(content: Mapping[str, Any]) -> str:
    shown = content.get("example")
    return f"<pre>{html.escape(json.dumps(shown, indent=2))}</pre>" if shown else ""

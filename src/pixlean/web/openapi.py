"""The OpenAPI document of all dialects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.domain.version import VERSION
from pixlean.web.dialect import Dialect

_TEXT = "Makes images smaller and keeps them looking the same. Several public APIs on one port."
_REQUEST_ID = {"description": "A UUID, on every response.", "schema": {"type": "string", "format": "uuid"}}
# Faults that no single endpoint has of its own: any request may meet them.
_ANYWHERE = (ErrorCode.INVALID_REQUEST, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.INTERNAL)
_WORK = tuple(code for code in ErrorCode if code is not ErrorCode.NOT_FOUND)


def document(dialects: Iterable[Dialect]) -> dict[str, Any]:
    """The whole document; each work endpoint has every error of its dialect, with an example."""
    paths: dict[str, Any] = {}
    dialects = tuple(dialects)
    for dialect in dialects:
        for path, verbs in dialect.paths.items():
            paths[path] = {verb: _operation(dialect, verb, path, operation) for verb, operation in verbs.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "pixlean", "version": VERSION, "description": _TEXT, "license": {"name": "Apache-2.0"}},
        "tags": [
            {"name": dialect.name, "description": dialect.about, "x-title": dialect.title} for dialect in dialects
        ],
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
        "operationId": f"{dialect.name}_{verb}_{path.strip('/').replace('/', '_') or 'root'}",
        "tags": [dialect.name],
        **({"security": [{}, {"bearer": []}]} if works else {}),
        **made,
        "responses": dict(sorted(answers.items())),
    }


def _errors(dialect: Dialect, codes: Iterable[ErrorCode]) -> dict[str, Any]:
    """One answer for each status, with an example of each of its errors."""
    found: dict[str, Any] = {}
    for code in codes:
        status, word = dialect.errors[code]
        body = json.loads(bytes(dialect.show_error(PixleanError("what is wrong, in words", code=code)).body))
        answer = found.setdefault(
            str(status),
            {"description": "", "content": {"application/json": {"schema": {"type": "object"}, "examples": {}}}},
        )
        answer["content"]["application/json"]["examples"][str(code)] = {"value": body}
        words = dict.fromkeys(filter(None, [*answer["description"].split(", "), str(word)]))
        answer["description"] = ", ".join(words)
    return found

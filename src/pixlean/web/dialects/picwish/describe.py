"""The PicWish dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

_ID: list[dict[str, Any]] = [{"name": "task_id", "in": "path", "required": True, "schema": {"type": "string"}}]
_SECURITY: list[dict[str, Any]] = [{}, {"api_key": []}]
_FIELDS: dict[str, Any] = {
    "image_url": {"type": "string"},
    "sync": {"type": "integer", "enum": [0, 1], "default": 0},
    "format": {"type": "string", "enum": ["jpg", "png", "webp"]},
    "return_type": {"type": "integer", "enum": [1, 2], "default": 1},
    "quality": {"type": "integer", "minimum": 1, "maximum": 100},
    "kbyte": {"type": "integer", "minimum": 0, "maximum": 51_200},
    "width": {"type": "integer", "minimum": 0, "maximum": 8000},
    "height": {"type": "integer", "minimum": 0, "maximum": 8000},
}
_FILE: dict[str, Any] = {"image_file": {"type": "string", "contentMediaType": "application/octet-stream"}}
_TASK: dict[str, Any] = {
    "description": "The task.",
    "content": {"application/json": {"schema": {"type": "object", "required": ["status", "message", "data"]}}},
}
_GONE: dict[str, Any] = {
    "description": "Unknown, expired, or another key's.",
    "content": {"application/json": {"schema": {"type": "object", "required": ["status", "message"]}}},
}
_KINDS = ("image/jpeg", "image/png", "image/webp")

PATHS: dict[str, dict[str, Any]] = {
    "/api/tasks/visual/imgcompress": {
        "post": {
            "summary": "Create a task, and wait for it where sync is 1.",
            "x-works": True,
            "security": _SECURITY,
            "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}],
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": {"type": "object", "properties": {**_FILE, **_FIELDS}}},
                    "application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": _FIELDS}},
                    "application/json": {"schema": {"type": "object", "properties": _FIELDS}},
                },
            },
            "responses": {"200": _TASK},
        }
    },
    "/api/tasks/visual/imgcompress/{task_id}": {
        "get": {
            "summary": "How a task stands, and its result.",
            "x-works": True,
            "security": _SECURITY,
            "parameters": _ID,
            "responses": {"200": _TASK, "404": _GONE},
        }
    },
    "/api/tasks/visual/imgcompress/{task_id}/image": {
        "get": {
            "summary": "The file behind a signed link.",
            "x-works": True,
            "security": [{}],
            "parameters": [
                *_ID,
                {"name": "expires", "in": "query", "required": True, "schema": {"type": "string"}},
                {"name": "signature", "in": "query", "required": True, "schema": {"type": "string"}},
            ],
            "responses": {
                "200": {"description": "The file.", "content": {kind: {"schema": {}} for kind in _KINDS}},
                "206": {"description": "A part of it.", "content": {kind: {"schema": {}} for kind in _KINDS}},
                "404": _GONE,
                "416": {"description": "No such part."},
            },
        }
    },
}

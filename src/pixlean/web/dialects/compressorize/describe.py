"""The Compressorize dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

_ID: list[dict[str, Any]] = [{"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}]
_TEXT: dict[str, Any] = {"type": "string"}
_SIDE: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 32_768}
_FIELDS: dict[str, Any] = {
    "url": _TEXT,
    "format": {"type": "string", "enum": ["auto", "jpeg", "png", "webp", "avif"], "default": "auto"},
    "quality": {"type": ["string", "integer"], "description": "smart, or 1 to 100", "default": "smart"},
    "max_width": _SIDE,
    "max_height": _SIDE,
    "strip_metadata": {"type": "boolean", "default": True},
    "webhook_url": _TEXT,
}
_FILE: dict[str, Any] = {"file": {"type": "string", "contentMediaType": "application/octet-stream"}}
_HEADERS = {
    name: {"schema": {"type": "string"}}
    for name in (
        "X-Original-Size", "X-Compressed-Size", "X-Savings-Percent", "X-Format", "X-Job-Id", "Content-Disposition",
        "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    )
}  # fmt: skip
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/avif")


def _job(required: list[str]) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "object", "required": required}}}


PATHS: dict[str, dict[str, Any]] = {
    "/api/v1/compress": {
        "post": {
            "summary": "Compress a file or the picture behind a URL: below 2 MB at once, from there on as a job.",
            "x-works": True,
            "parameters": [{"name": "Idempotency-Key", "in": "header", "schema": _TEXT}],
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": {"type": "object", "properties": {**_FILE, **_FIELDS}}},
                    "application/json": {"schema": {"type": "object", "properties": _FIELDS}},
                },
            },
            "responses": {
                "200": {
                    "description": "The image.",
                    "headers": _HEADERS,
                    "content": {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in _KINDS},
                },
                "202": {
                    "description": "A job.",
                    "headers": _HEADERS,
                    "content": _job(["id", "status", "poll_url", "estimated_seconds"]),
                },
            },
        }
    },
    "/api/v1/status/{job_id}": {
        "get": {
            "summary": "How a job stands.",
            "x-works": True,
            "parameters": _ID,
            "responses": {
                "200": {"description": "The job.", "content": _job(["id", "status"])},
                "404": {"description": "not_found", "content": _job(["error"])},
            },
        }
    },
    "/api/v1/download/{job_id}": {
        "get": {
            "summary": "A redirect to a link that is good for an hour.",
            "x-works": True,
            "parameters": _ID,
            "responses": {
                "302": {"description": "The link.", "headers": {"Location": {"schema": _TEXT}}},
                "404": {"description": "not_found", "content": _job(["error"])},
            },
        }
    },
    "/api/v1/files/{job_id}": {
        "get": {
            "summary": "The file behind a signed link.",
            "x-works": True,
            "parameters": [
                *_ID,
                {"name": "expires", "in": "query", "required": True, "schema": _TEXT},
                {"name": "signature", "in": "query", "required": True, "schema": _TEXT},
            ],
            "responses": {
                "200": {"description": "The file.", "content": {kind: {"schema": {}} for kind in _KINDS}},
                "206": {"description": "A part of it.", "content": {kind: {"schema": {}} for kind in _KINDS}},
                "404": {"description": "not_found", "content": _job(["error"])},
                "416": {"description": "No such part."},
            },
        }
    },
}

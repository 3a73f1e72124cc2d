"""The part of the OpenAPI document that tells of pictures by URL."""

from __future__ import annotations

from typing import Any

from pixlean.web.facts import FACTS

_KINDS = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/svg+xml")
_PARTS = {
    "signature": "HMAC-SHA-256 of the path behind it, URL-safe base64; `pixlean sign` makes it.",
    "options": "Options and presets, comma-separated, such as w=400,h=300,fit=cover,f=auto; - for none.",
    "source": "The name of one of the server's sources.",
    "path": "The picture's path below that source.",
}


def _parameters(*names: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": _PARTS[name], "schema": {"type": "string"}}
        for name in names
    ]


_MISSING = {
    "description": "No source of this name, no such picture, or no URL at all.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}

PATHS: dict[str, dict[str, Any]] = {
    "/img/{signature}/{options}/{source}/{path}": {
        "get": {
            "summary": "A picture in the size and format that a page needs.",
            "x-works": True,
            "security": [{}],
            "parameters": [
                *_parameters(*_PARTS),
                {
                    "name": "download", "in": "query", "schema": {"type": "string"},
                    "description": "Save it under this name, or its own.",
                },
            ],
            "responses": {
                "200": {
                    "description": "The picture.",
                    "headers": {
                        "ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}},
                        "X-Pixlean-Original": {
                            "description": "Why the original goes out: the fault's code.",
                            "schema": {"type": "string"},
                        },
                    },
                    "content": {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in _KINDS},
                },
                "206": {"description": "The part that Range asked for."},
                "304": {"description": "The client has it already."},
                "404": _MISSING,
                "416": {"description": "There is nothing in that range."},
            },
        }
    },
    "/info/{signature}/{source}/{path}": {
        "get": {
            "summary": "What a picture is.",
            "x-works": True,
            "security": [{}],
            "parameters": _parameters("signature", "source", "path"),
            "responses": {
                "200": {"description": "The facts.", "content": {"application/json": {"schema": FACTS}}},
                "404": _MISSING,
            },
        }
    },
}  # fmt: skip

"""The part of the OpenAPI document that tells of imgproxy's URLs."""

from __future__ import annotations

from typing import Any

_KINDS = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/svg+xml")
_PARTS = {
    "signature": "HMAC-SHA-256 of salt and path, URL-safe base64; any word where no key is set.",
    "options": "Processing options, each a part of the path: rs:fill:300:400/g:sm.",
    "source": "plain/ and the source, percent-encoded, with @extension; or URL-safe base64 with .extension.",
}

_PARAMETERS = [
    {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
    for name, text in _PARTS.items()
]
_COLOUR = {"type": "object", "properties": {name: {"type": "integer"} for name in "RGBA"}}
_FACTS = {
    "type": "object",
    "properties": {
        "format": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "size": {"type": "integer", "description": "Bytes of the file."},
        "palette": {"type": "array", "items": _COLOUR},
        "blurhash": {"type": "string"},
    },
}

PATHS: dict[str, dict[str, Any]] = {
    "/{signature}/{options}/{source}": {
        "get": {
            "summary": "A picture by imgproxy's URL.",
            "x-works": True,
            "security": [{}],
            "parameters": _PARAMETERS,
            "responses": {
                "200": {
                    "description": "The picture.",
                    "content": {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in _KINDS},
                },
                "304": {"description": "The client has it already."},
            },
        }
    },
    "/info/{signature}/{options}/{source}": {
        "get": {
            "summary": "What a picture is, by imgproxy's URL.",
            "x-works": True,
            "security": [{}],
            "parameters": _PARAMETERS,
            "responses": {
                "200": {"description": "What was asked for.", "content": {"application/json": {"schema": _FACTS}}},
            },
        }
    },
}

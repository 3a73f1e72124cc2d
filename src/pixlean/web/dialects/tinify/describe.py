"""The Tinify dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

_COUNT = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "Compression-Count": "Compressions of this month.",
        "Compression-Count-Remaining": "What is left of them; 1000000 where there is no limit.",
        "Paying-State": "free or paid.",
    }.items()
}
_SECURITY: list[dict[str, Any]] = [{}, {"basic": []}]
_SIDES = {name: {"type": "integer", "minimum": 1} for name in ("width", "height")}
_ID = [{"name": "output_id", "in": "path", "required": True, "schema": {"type": "string"}}]
_COMMANDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "resize": {
            "type": "object",
            "required": ["method"],
            "properties": {"method": {"type": "string", "enum": ["fit", "scale", "cover", "thumb"]}, **_SIDES},
        },
        "convert": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"type": ["string", "array"], "items": {"type": "string"}},
                "background": {"type": "string"},
            },
        },
        "transform": {"type": "object", "required": ["background"], "properties": {"background": {"type": "string"}}},
        "preserve": {"type": "array", "items": {"type": "string", "enum": ["copyright", "creation", "location"]}},
        "store": {"type": "object", "required": ["service", "path"]},
    },
    "additionalProperties": False,
}
_PICTURE = {
    "description": "The image.",
    "headers": {
        **_COUNT,
        "Image-Width": {"schema": {"type": "string"}},
        "Image-Height": {"schema": {"type": "string"}},
        "Location": {"description": "Where it was stored.", "schema": {"type": "string"}},
    },
}


def _output(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "x-works": True,
        "security": _SECURITY,
        "parameters": _ID,
        "responses": {"200": _PICTURE, "404": {"description": "NotFound"}},
    }


PATHS: dict[str, dict[str, Any]] = {
    "/shrink": {
        "post": {
            "summary": "Compress a file, or the picture behind a URL.",
            "x-works": True,
            "security": _SECURITY,
            "requestBody": {
                "required": True,
                "content": {
                    "application/octet-stream": {"schema": {}},
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["source"],
                            "properties": {
                                "source": {
                                    "type": "object", "required": ["url"], "properties": {"url": {"type": "string"}}
                                }
                            },
                        }
                    },
                },
            },
            "responses": {
                "201": {
                    "description": "Where the result is, for an hour.",
                    "headers": {**_COUNT, "Location": {"schema": {"type": "string"}}},
                    "content": {
                        "application/json": {"schema": {"type": "object", "required": ["input", "output"]}}
                    },
                }
            },
        }
    },
    "/output/{output_id}": {
        "get": _output("The result, or what a JSON body asks to be made of its source."),
        "post": {
            **_output("What is to be made of the source."),
            "requestBody": {"content": {"application/json": {"schema": _COMMANDS}}},
        },
    },
    "/keys/{key}": {
        "get": {
            "summary": "Whether a key is one, and how it stands.",
            "security": [{}],
            "parameters": [{"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {
                "200": {
                    "description": "It is.", "headers": _COUNT,
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                "404": {"description": "NotFound"},
            },
        }
    },
}  # fmt: skip

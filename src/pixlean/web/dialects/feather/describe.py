"""The Feather dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pixlean.web.openapi import picture_from_form

_TEXT_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "Content-Disposition": "The name of the original with -compressed.",
        "X-Original-Bytes": "Input size.",
        "X-Output-Bytes": "Output size.",
        "X-Output-Quality": "Final quality used.",
        "X-Output-Width": "Output width.",
        "X-Output-Height": "Output height.",
        "X-Compression-Ratio": "Original over output.",
        "X-Processing-Time-Ms": "End-to-end time.",
        "X-Target-Met": "Whether targetMB was satisfied.",
        "X-Resized": "Whether the image was resized.",
        "X-Iterations": "Encodes that the search took.",
        "X-RateLimit-Limit": "Requests a minute.",
        "X-RateLimit-Remaining": "Requests left in the current minute.",
        "X-RateLimit-Reset": "When the window ends, in epoch seconds.",
    }.items()
}


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _number(least: float, most: float) -> dict[str, Any]:
    return {"type": "number", "minimum": least, "maximum": most}


_FIELDS: dict[str, Any] = {
    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    "quality": _whole(1, 100),
    "maxWidth": _whole(1, 32_768),
    "maxHeight": _whole(1, 32_768),
    "stripMetadata": {"type": "boolean", "default": True},
    "mode": {"type": "string", "enum": ["final", "preview"]},
    "progressive": {"type": "boolean", "default": False},
    "effort": _whole(0, 9),
    **{name: _whole(0, 1 << 30) for name in ("cropX", "cropY", "cropWidth", "cropHeight")},
    "rotate": _number(-360, 360),
    **{name: {"type": "boolean"} for name in ("flip", "flop", "grayscale", "sharpen")},
    "brightness": _number(0.1, 3),
    "saturation": _number(0, 3),
    "contrast": _number(0.1, 3),
    "blur": _number(0, 10),
}

_KINDS = ("image/jpeg", "image/png", "image/webp", "image/avif")


def _work(summary: str, formats: list[str], more: dict[str, Any], required: list[str]) -> dict[str, Any]:
    output = {"outputFormat": {"type": "string", "enum": formats}}
    schema = {"type": "object", "required": required, "properties": {**_FIELDS, **output, **more}}
    return picture_from_form(summary, schema, _TEXT_HEADERS, _KINDS)


def _read(summary: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "responses": {"200": {"description": summary, "content": {kind: {"schema": {}}}}},
            **more,
        }
    }


PATHS: dict[str, dict[str, Any]] = {
    "/api/health": _read("Alive.", "application/json"),
    "/api/formats": _read("Formats that are read and written.", "application/json"),
    "/api/compress": _work(
        "Compress, convert, resize, edit, fit to a size.",
        ["auto", "jpeg", "png", "webp", "avif"],
        {"targetMB": {"type": "number", "exclusiveMinimum": 0, "maximum": 1024}},
        ["file"],
    ),
    "/api/convert": _work("Convert.", ["jpeg", "png", "webp", "avif"], {}, ["file", "outputFormat"]),
    "/api/models/modnet": {
        "get": {
            "summary": "The background-removal model.",
            "x-works": True,
            "parameters": [
                {"name": "variant", "in": "query", "schema": {"type": "string", "enum": ["full", "quantized"]}}
            ],
            "responses": {
                "200": {"description": "The model.", "content": {"application/octet-stream": {"schema": {}}}},
                "304": {"description": "The client has it."},
            },
        }
    },
}

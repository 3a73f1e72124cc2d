"""The OptiPic dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pixlean.web.openapi import picture_from_form

_FILE: dict[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}
_FORMAT: dict[str, Any] = {"type": "string", "enum": ["jpeg", "png", "webp", "avif"]}
_SIDE: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 32_768}
_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "X-Original-Size": "Input size in bytes.",
        "X-Compressed-Size": "Output size in bytes.",
        "X-Savings-Percent": "How much smaller, one decimal.",
    }.items()
}
_KINDS = ("image/jpeg", "image/png", "image/webp", "image/avif", "image/gif", "image/heic")


def _work(summary: str, more: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    schema = {"type": "object", "required": ["file", *required], "properties": {"file": _FILE, **more}}
    return picture_from_form(summary, schema, _HEADERS, _KINDS)


PATHS: dict[str, dict[str, Any]] = {
    "/v1/compress": _work(
        "Compress, and convert where a format is named.",
        {
            "format": _FORMAT,
            "quality": {"type": "integer", "minimum": 1, "maximum": 100, "default": 80},
            "strip_exif": {"type": "boolean", "default": True},
        },
    ),
    "/v1/convert": _work("Convert.", {"to": _FORMAT}, ("to",)),
    "/v1/resize": _work("Resize.", {"width": _SIDE, "height": _SIDE, "format": _FORMAT}),
    "/v1/usage": {
        "get": {
            "summary": "This month's usage of the key.",
            "x-works": True,
            "responses": {
                "200": {
                    "description": "The month.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": [
                                    "period", "requests", "limit", "remaining", "overage_requests",
                                    "overage_cost_usd", "reset_at",
                                ],
                            }
                        }
                    },
                }
            },
        }
    },
}  # fmt: skip

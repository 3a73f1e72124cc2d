"""The native dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pixlean.domain.delivery import Provider
from pixlean.domain.formats import FORMATS
from pixlean.web.facts import FACTS
from pixlean.web.negotiate import OUTPUTS

_OPTIMIZATION: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "quality": {
            "type": "integer", "minimum": 1, "maximum": 100,
            "description": "Lower is smaller: below 50 strong, from 70 on careful. DEFAULT_QUALITY if missing.",
        },
        "strip_metadata": {"type": "boolean", "default": True, "description": "Remove EXIF, XMP, comments."},
        "progressive_jpeg": {
            "type": "boolean", "description": "Write progressive JPEGs, or not; if missing, what is smaller.",
        },
        "png_lossy": {"type": "boolean", "default": True, "description": "Allow palettes for PNGs."},
        "max_reduction": {
            "type": ["number", "null"], "minimum": 0, "maximum": 100,
            "description": "Never save more than this per cent.",
        },
        "format": {
            "type": ["string", "null"], "enum": ["auto", *(str(name) for name in OUTPUTS), None],
            "description": "Convert. auto: the smallest at equal quality of what Accept allows.",
        },
        "max_width": {"type": ["integer", "null"], "minimum": 1, "maximum": 32768, "description": "Shrink to this."},
        "max_height": {"type": ["integer", "null"], "minimum": 1, "maximum": 32768, "description": "Shrink to this."},
        "target_size": {"type": ["integer", "null"], "minimum": 1, "description": "Bytes not to exceed."},
        "min_score": {
            "type": ["number", "null"], "minimum": 0, "maximum": 100,
            "description": "SSIMULACRA2 below which the result must not fall: the smallest file that keeps it.",
        },
        "effort": {"type": ["integer", "null"], "minimum": 0, "maximum": 9, "description": "0 quick, 9 small."},
    },
}  # fmt: skip
_STORAGE: dict[str, Any] = {
    "type": ["object", "null"],
    "required": ["provider", "bucket", "path"],
    "properties": {
        "provider": {"type": "string", "enum": [str(name) for name in Provider]},
        "bucket": {"type": "string"},
        "path": {"type": "string", "description": "The object's path; a leading slash is dropped."},
        "project": {"type": ["string", "null"], "description": "The Google project that is billed."},
        "public": {"type": "boolean", "default": False, "description": "Readable by everybody."},
    },
}
_REPORT = {"type": "boolean", "default": False, "description": "Tell in X-Pixlean-Report what was tried."}
_URL = {"type": "string", "format": "uri", "description": "An https URL."}
_ALTERNATIVES = {"type": "boolean", "default": False, "description": "Whether to tell of other formats too."}
_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "X-Original-Size": "Bytes of the original.",
        "X-Optimized-Size": "Bytes of the result.",
        "X-Reduction-Percent": "How much smaller, one decimal.",
        "X-Original-Format": "What the original is.",
        "X-Output-Format": "What the result is.",
        "X-Optimization-Method": "What made the returned bytes; none where the original is returned.",
        "X-Quality-Score": "SSIMULACRA2 of the result, where it was computed.",
        "X-Cache": "hit or miss, where the cache is on.",
        "X-Pixlean-Report": "With report: JSON with sides, quality and what was tried.",
        "X-Pixlean-Warning": "Fields that were not read, and where they belong.",
        "Server-Timing": "Where the time went.",
    }.items()
}
_MEDIA_TYPES = sorted({row.media_type for row in FORMATS.values() if not row.only_read})
_LEVEL = {"type": "string", "enum": ["high", "medium", "low"]}
_STORED = {
    "type": "object",
    "required": ["success", "original_size", "optimized_size", "reduction_percent", "format", "method", "storage"],
    "properties": {
        "success": {"const": True},
        "original_size": {"type": "integer"},
        "optimized_size": {"type": "integer"},
        "reduction_percent": {"type": "number"},
        "format": {"type": "string"},
        "method": {"type": "string"},
        "storage": {
            "type": "object",
            "properties": {
                "provider": {"type": "string"},
                "url": {"type": "string", "description": "Signed, good for an hour."},
                "public_url": {"type": ["string", "null"]},
            },
        },
        "message": {"type": ["string", "null"]},
    },
}
_ESTIMATE = {
    "type": "object",
    "required": [
        "original_size", "original_format", "dimensions", "color_type", "bit_depth", "estimated_optimized_size",
        "estimated_reduction_percent", "optimization_potential", "method", "already_optimized", "confidence",
    ],
    "properties": {
        "original_size": {"type": "integer"},
        "original_format": {"type": "string"},
        "dimensions": {
            "type": "object", "properties": {"width": {"type": "integer"}, "height": {"type": "integer"}},
        },
        "color_type": {"type": ["string", "null"]},
        "bit_depth": {"type": ["integer", "null"]},
        "estimated_optimized_size": {"type": "integer"},
        "estimated_reduction_percent": {"type": "number"},
        "optimization_potential": _LEVEL,
        "method": {"type": "string", "enum": ["exact", "direct-encode", "sample", "header-only"]},
        "already_optimized": {"type": "boolean"},
        "confidence": _LEVEL,
    },
}  # fmt: skip


def _multipart(fields: dict[str, Any]) -> dict[str, Any]:
    image = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The image."}
    return {"schema": {"type": "object", "required": ["file"], "properties": {"file": image, **fields}}}


_OPTIONS = {"type": "string", "description": 'JSON: {"optimization": {...}, "storage": {...}, "report": false}'}
PATHS: dict[str, dict[str, Any]] = {
    "/optimize": {
        "post": {
            "summary": "Make one image smaller.",
            "x-works": True,
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": _multipart({"options": _OPTIONS}),
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["url"],
                            "properties": {
                                "url": _URL,
                                "optimization": _OPTIMIZATION,
                                "storage": _STORAGE,
                                "report": _REPORT,
                            },
                        },
                        "example": {"url": "https://example.com/photo.jpg", "optimization": {"quality": 60}},
                    },
                },
            },
            "responses": {
                "200": {
                    "description": "The image, or with storage where it is.",
                    "headers": _HEADERS,
                    "content": {
                        **{kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in _MEDIA_TYPES},
                        "application/json": {"schema": _STORED},
                    },
                }
            },
        }
    },
    "/estimate": {
        "post": {
            "summary": "Say what optimizing would save.",
            "x-works": True,
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": _multipart(
                        {
                            "preset": {"type": "string", "enum": ["high", "medium", "low"]},
                            "options": {"type": "string", "description": "JSON: the optimization object itself."},
                            "alternatives": _ALTERNATIVES,
                        }
                    ),
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["url"],
                            "properties": {
                                "url": _URL,
                                "preset": {"type": ["string", "null"], "enum": ["high", "medium", "low", None]},
                                "optimization": _OPTIMIZATION,
                                "thumbnail_url": {"type": ["string", "null"], "description": "A small version."},
                                "file_size": {"type": ["integer", "null"], "minimum": 1},
                                "alternatives": _ALTERNATIVES,
                            },
                        },
                        "example": {"url": "https://example.com/photo.png", "preset": "medium"},
                    },
                },
            },
            "responses": {
                "200": {"description": "The estimate.", "content": {"application/json": {"schema": _ESTIMATE}}}
            },
        }
    },
    "/info": {
        "post": {
            "summary": "Say what a picture is.",
            "x-works": True,
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": _multipart({}),
                    "application/json": {
                        "schema": {"type": "object", "required": ["url"], "properties": {"url": _URL}},
                        "example": {"url": "https://example.com/photo.png"},
                    },
                },
            },
            "responses": {"200": {"description": "The facts.", "content": {"application/json": {"schema": FACTS}}}},
        }
    },
    **{
        path: {
            "get": {
                "summary": text,
                "responses": {
                    "200": {"description": text, "content": {kind: {"schema": {}}}},
                    **({"503": {"description": "draining", "content": {kind: {"schema": {}}}}} if ready else {}),
                },
            }
        }
        for path, text, kind, ready in (
            ("/", "What this is.", "application/json", False),
            ("/health", "Tools, versions of the codecs, sandbox layers.", "application/json", False),
            ("/health/ready", "Whether the server takes work.", "application/json", True),
            ("/metrics", "Counters, for Prometheus.", "text/plain", False),
        )
    },
}

"""What a picture is, as JSON: the same wherever it is asked for."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pixlean.domain.facts import Facts
from pixlean.service.look import Looked

FACTS: dict[str, Any] = {
    "type": "object",
    "required": [*(field.name for field in fields(Facts)), "estimate"],
    "properties": {
        "palette": {"type": "array", "items": {"type": "string"}},
        "blurhash": {"type": "string"},
        "thumbhash": {"type": "string", "description": "Base64."},
        "lqip": {"type": "string", "description": "A tiny picture as a data URL."},
    },
}


def told(looked: Looked) -> dict[str, Any]:
    """The facts of a picture, and what compressing it would save."""
    forecast = looked.estimate
    estimate = {
        "estimated_optimized_size": forecast.optimized_bytes,
        "estimated_reduction_percent": round(forecast.reduction_percent, 1),
        "confidence": str(forecast.confidence),
    }
    return {**asdict(looked.facts), "estimate": estimate}


def timing(seconds: dict[str, float]) -> str:
    """Where the time went, as ``Server-Timing`` tells it."""
    return ", ".join(f"{name};dur={1000 * value:.1f}" for name, value in seconds.items())

"""Jobs in Compressorize's words."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

from pixlean.domain.formats import Format
from pixlean.domain.task import Job, State
from pixlean.web.dialects.compressorize.errors import ERRORS


def shown_format(made: Format) -> str:
    """A format's name in an API that knows no APNG."""
    return "png" if made is Format.APNG else str(made)


def show_job(job: Job, base_url: str = "") -> dict[str, Any]:
    """The body of ``/status``; with ``base_url`` that of a webhook."""
    if job.state is State.DONE and job.result is not None:
        return {
            "id": job.id,
            "status": "complete",
            "download_url": f"{base_url}/api/v1/download/{job.id}",
            "original_size": job.result.original_bytes,
            "compressed_size": job.result.size_bytes,
            "savings_percent": round(job.result.savings_percent),
            "format": shown_format(job.result.format),
            "dimensions": {"width": job.result.width_px, "height": job.result.height_px},
            "expires_at": _iso(job.expires_at),
        }
    if job.state is State.FAILED:
        word = ERRORS[job.error_code][1] if job.error_code else "compression_failed"
        message = job.error_message or "Compression failed"
        return {"id": job.id, "status": "failed", "error": {"code": word, "message": message}}
    return {"id": job.id, "status": "processing"}


def show_ended(job: Job) -> dict[str, Any]:
    """The body of a webhook."""
    return show_job(job, job.ticket.base_url)


def sign(secret: str, body: bytes) -> dict[str, str]:
    """The hex HMAC-SHA256 of the body by the whole secret (Compressorize's documentation, "Webhooks")."""
    return {"X-Compressorize-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

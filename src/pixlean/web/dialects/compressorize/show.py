"""Jobs in Compressorize's words."""

from __future__ import annotations

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
    if job.state is State.DONE and job.made is not None:
        return {
            "id": job.id,
            "status": "complete",
            "download_url": f"{base_url}/api/v1/download/{job.id}",
            "original_size": job.made.original_bytes,
            "compressed_size": job.made.size_bytes,
            "savings_percent": round(job.made.savings_percent),
            "format": shown_format(job.made.format),
            "dimensions": {"width": job.made.width_px, "height": job.made.height_px},
            "expires_at": _iso(job.expires_at),
        }
    if job.state is State.FAILED:
        word = ERRORS[job.error_code][1] if job.error_code else "compression_failed"
        message = job.error_message or "Compression failed"
        return {"id": job.id, "status": "failed", "error": {"code": word, "message": message}}
    return {"id": job.id, "status": "processing"}


def show_ended(job: Job) -> dict[str, Any]:
    """The body of a webhook."""
    return show_job(job, job.ticket.base_url if job.ticket else "")


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

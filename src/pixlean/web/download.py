"""Files for download: whole or in part, under a name that no client chose."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from pixlean.web.admission import enter
from pixlean.web.answers import attachment, file_ending, media_type
from pixlean.web.contract import services

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


async def show_signed(request: Request, api: str, job_id: str, link: str) -> Response:
    """The result of a job behind a signed link of its API, as ``compressed.jpg`` and the like."""
    house = services(request)
    enter(request, api)
    asked = request.query_params
    job = await house.results.behind(job_id, api, link, asked.get("expires", ""), asked.get("signature", ""))
    kept = await house.results.read(job)
    name = attachment("compressed", file_ending(kept.result.format))
    return show_file(request, kept.data, media_type(kept.result.format), name)


def show_file(request: Request, data: bytes, media_type: str, disposition: str) -> Response:
    """A file for whoever asked, to be kept by nobody."""
    return show_part(
        request, data, media_type, {"Content-Disposition": disposition, "Cache-Control": "private, no-store"}
    )


def show_part(request: Request, data: bytes, media_type: str, more: Mapping[str, str]) -> Response:
    """The bytes, or the one range of them that was asked for (RFC 9110, 14); HEAD gets the same head."""
    headers = {**more, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    if media_type == "image/svg+xml":
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    # A part of another version than the client has is of no use to it; what is no GET has no parts (RFC 9110, 14.2).
    wanted = request.headers.get("if-range")
    has_parts = request.method == "GET" and (wanted is None or wanted == more.get("ETag"))
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", "")) if has_parts else None
    if found is None or found[0] == "bytes=-":
        return Response(data, media_type=media_type, headers=headers)
    span = _span(found[1], found[2], len(data))
    if span is None:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    first, last = span
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], status_code=206, media_type=media_type, headers=headers)


def is_known(request: Request, etag: str) -> bool:
    """Whether the client says that it has this version (RFC 9110, 13.1.2)."""
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in known or known == ["*"]


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """The first and last byte of a range, or ``None`` where the file has none of it."""
    if not first:
        length = int(last)
        return (max(0, size - length), size - 1) if length and size else None
    start, end = int(first), min(int(last) if last else size - 1, size - 1)
    return (start, end) if start <= end else None

"""What answers of all dialects are made with."""

from __future__ import annotations

import asyncio
import hashlib
import re
import unicodedata
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request

from pixlean.access.rate import Standing
from pixlean.domain.errors import InvalidRequest, PixleanError
from pixlean.domain.formats import FORMATS, Format, still_of
from pixlean.service.compress import Compressed
from pixlean.web.body import Form
from pixlean.web.contract import account, services

_Answer = TypeVar("_Answer")
_MOST_NAME_CHARACTERS = 150
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


async def unless_gone(request: Request, work: Coroutine[Any, Any, _Answer]) -> _Answer:
    """The work's answer; a client that goes away cancels the work."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise InvalidRequest("the client went away")
        return task.result()
    finally:
        for left in (task, gone):
            if not left.done():
                left.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def rate_headers(standing: Standing | None) -> dict[str, str]:
    """Where the caller stands, ``reset`` in epoch seconds; nothing where no limit applies."""
    if standing is None:
        return {}
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(standing.reset_at),
    }


def note(request: Request, compressed: Compressed) -> None:
    """What came out, for those who count and log."""
    noted, report = account(request), compressed.outcome.report
    noted.format, noted.method = str(report.format), report.method
    noted.bytes_out, noted.seconds = report.size_bytes, compressed.seconds


def media_type(made: Format) -> str:
    """A format's media type in APIs that know no other name for its moving kind."""
    return FORMATS[still_of(made)].media_type


def file_ending(made: Format) -> str:
    """The usual end of a file's name, with its dot; the moving kind has the same."""
    return FORMATS[still_of(made)].extensions[0]


def public_url(request: Request, path: str) -> str:
    """A path of this server as clients reach it: by ``PUBLIC_URL``, else by the host that the request names."""
    base = services(request).settings.public_url or str(request.base_url)
    return base.rstrip("/") + path


def idempotency_key(request: Request) -> str | None:
    """The ``Idempotency-Key`` header. Raises ``InvalidRequest``."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest(
            "Idempotency-Key must be 1 to 200 visible ASCII characters", facts={"param": "Idempotency-Key"}
        )
    return key


async def fingerprint(request: Request, form: Form) -> str:
    """What tells one request from another that comes with the same idempotency key: where to, fields and file."""
    return await asyncio.to_thread(_digest, f"{request.url.path}?{request.url.query}", form)


def _digest(target: str, form: Form) -> str:
    digest = hashlib.blake2b(repr((target, sorted(form.fields.items()))).encode(), digest_size=16)
    if form.file is not None:
        digest.update(form.file.read_all())
    return digest.hexdigest()


def error_headers(error: PixleanError, status: int) -> dict[str, str]:
    """What every error's answer carries, whatever its body looks like."""
    headers = {"Cache-Control": "no-store"}
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return headers


def attachment(stem: str, tail: str) -> str:
    """A ``Content-Disposition`` for a stranger's file name (RFC 6266): plain for old clients, UTF-8 for others.

    Of ``stem`` stays what a file system takes; ``tail``, our own end of the name, stays whole.
    """
    shown = "".join(
        character for character in unicodedata.normalize("NFC", stem) if unicodedata.category(character)[0] != "C"
    )
    shown = (re.sub(r'[\\/:*?"<>|]+', "_", shown).strip(" .")[:_MOST_NAME_CHARACTERS] or "image") + tail
    plain = re.sub(r"[^\x20-\x7e]|[%;]", "_", shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"

"""Bodies: counted, capped and timed while they stream in; files go to memory files, never to lists."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import multipart
from starlette.requests import ClientDisconnect, Request

from pixlean.domain.budget import Hold
from pixlean.domain.errors import ErrorCode, InvalidRequest, LimitExceeded
from pixlean.domain.memory import MemoryFile
from pixlean.web.settings import Settings

_FIELD_BYTES = 1 << 20
_OVERHEAD_BYTES = 1 << 16
_MOST_PARTS = 100
_PART_HEADER_BYTES = 8192
_JSON_BYTES = 1 << 20
_JSON_DEPTH = 64


@dataclass(frozen=True, kw_only=True)
class Form:
    """A body that was read: text fields, and the file where one was sent. Whoever opened the form closes the file."""

    fields: Mapping[str, str] = field(default_factory=dict)
    file: MemoryFile | None = None
    file_name: str = ""
    media_type: str = ""

    @property
    def sent_file(self) -> MemoryFile | None:
        """The file, where one was sent that is not empty."""
        return self.file if self.file is not None and self.file.size_bytes else None


async def chunks(request: Request, settings: Settings, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body's chunks. Raises ``LimitExceeded`` over the limit, ``InvalidRequest`` where it stalls or breaks off.

    What is said to be the limit is the file's, where the body may hold more beside it.
    """
    said_limit = min(limit_bytes, settings.max_file_bytes)
    if _declared(request) > limit_bytes:
        raise too_large(request, 0, said_limit)
    stream = request.stream()
    clock = asyncio.get_running_loop().time
    seen, seen_before = 0, 0
    end = clock() + settings.body_total_seconds
    # A stall is over when enough has come, not with the next byte: who sends one now and then is stalled as well.
    stalled_at = clock() + settings.body_stall_seconds
    least_bytes = settings.body_least_rate * settings.body_stall_seconds
    while True:
        try:
            left = min(stalled_at, end) - clock()
            async with asyncio.timeout(max(0.0, left)):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise InvalidRequest("the request body did not arrive in time", code=ErrorCode.BODY_TIMEOUT) from None
        except ClientDisconnect as error:
            raise InvalidRequest("the request body broke off", code=ErrorCode.MALFORMED_BODY) from error
        if chunk is None:
            return
        seen += len(chunk)
        if seen - seen_before >= least_bytes:
            seen_before, stalled_at = seen, clock() + settings.body_stall_seconds
        if seen > limit_bytes:
            raise too_large(request, seen, said_limit)
        if chunk:
            yield chunk


def _hold(request: Request, settings: Settings) -> Hold | None:
    """Room for a body before it is read. Raises ``Unavailable`` where there is none."""
    if settings.budget is None:
        return None
    hold = settings.budget.hold()
    hold.reach(min(_declared(request), settings.max_file_bytes))
    return hold


def _declared(request: Request) -> int:
    """The body's size where its head tells it, else 0."""
    said = request.headers.get("content-length", "")
    return int(said) if said.isdigit() and len(said) < 20 else 0


def too_large(request: Request, seen_bytes: int, limit: int) -> LimitExceeded:
    """The error for a body or file over the limit: with the size that was declared, else with what had come of it."""
    return LimitExceeded(
        f"the file is larger than the limit of {limit} bytes",
        code=ErrorCode.BODY_TOO_LARGE,
        facts={"file_size": max(_declared(request) or seen_bytes, limit + 1), "limit": limit},
    )


@contextlib.asynccontextmanager
async def read_form(
    request: Request, settings: Settings, most_file_bytes: int | None = None, *, file_field: str = "file"
) -> AsyncIterator[Form]:
    """A multipart body, parsed while it streams in; its file lives as long as the block.

    ``most_file_bytes`` where a dialect has another limit than the server, ``file_field`` where another name.
    Raises ``InvalidRequest`` and ``LimitExceeded``.
    """
    if most_file_bytes is not None:
        settings = replace(settings, max_file_bytes=most_file_bytes)
    kind, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or len(boundary) > 200:
        raise InvalidRequest("the multipart body has no boundary", code=ErrorCode.MALFORMED_BODY)
    hold = _hold(request, settings)
    with contextlib.closing(_FormReader(request, settings.max_file_bytes, file_field, hold)) as reader:
        await _parse(request, settings, boundary, reader)
        yield reader.form()


async def _parse(request: Request, settings: Settings, boundary: str, reader: _FormReader) -> None:
    """Hand the parts of a body to the reader as they come."""
    try:
        parser = multipart.PushMultipartParser(
            boundary,
            max_segment_count=_MOST_PARTS,
            max_header_size=_PART_HEADER_BYTES,
            max_segment_size=settings.max_file_bytes + 1,
            strict=False,
        )
        async for chunk in chunks(request, settings, settings.max_file_bytes + _OVERHEAD_BYTES + _FIELD_BYTES):
            for event in parser.parse(chunk):
                reader.take(event)
            if parser.closed:
                break
        if not parser.closed:
            parser.close()
    except multipart.MultipartError as error:
        if "size" in str(error).lower() and reader.in_file:
            raise too_large(request, reader.size, settings.max_file_bytes) from error
        raise InvalidRequest("the multipart body is malformed", code=ErrorCode.MALFORMED_BODY) from error


class _FormReader:
    """Collects what the parser tells: a header begins a part, bytes fill it, ``None`` ends it."""

    def __init__(self, request: Request, most_file_bytes: int, file_field: str, hold: Hold | None) -> None:
        self._request = request
        self._hold = hold
        self._file_field = file_field
        self._most_file_bytes = most_file_bytes
        self._fields: dict[str, str] = {}
        self._file: MemoryFile | None = None
        self._file_name = self._media_type = ""
        self._name: str | None = None
        self._text = bytearray()
        self.in_file = False
        self.size = 0

    def form(self) -> Form:
        """What came; the file stays this reader's."""
        return Form(fields=self._fields, file=self._file, file_name=self._file_name, media_type=self._media_type)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        if self._hold is not None:
            self._hold.release()

    def take(self, event: Any) -> None:
        if isinstance(event, multipart.MultipartSegment):
            self._begin(event)
        elif event is None:
            self._end()
        else:
            self._fill(bytes(event))

    def _begin(self, segment: multipart.MultipartSegment) -> None:
        self._name, self._text, self.size = segment.name, bytearray(), 0
        self.in_file = segment.name == self._file_field or (segment.filename is not None and segment.name != "options")
        if not self.in_file:
            return
        if segment.name != self._file_field:
            raise InvalidRequest(
                f"unexpected file field {str(segment.name)[:50]!r}; send the image as '{self._file_field}'",
                code=ErrorCode.MISSING_FILE,
            )
        if self._file is not None:
            raise InvalidRequest(f"more than one '{self._file_field}' was sent")
        self._file, self._hold = MemoryFile("upload", self._hold), None
        self._file_name, self._media_type = segment.filename or "", segment.content_type or ""

    def _fill(self, part: bytes) -> None:
        self.size += len(part)
        if self.in_file and self._file is not None:
            if self.size > self._most_file_bytes:
                raise too_large(self._request, self.size, self._most_file_bytes)
            self._file.append(part)
            return
        if self.size > _FIELD_BYTES:
            raise InvalidRequest(f"the field {str(self._name)[:50]!r} is too long")
        self._text += part

    def _end(self) -> None:
        if self.in_file or self._name is None:
            return
        try:
            self._fields.setdefault(self._name, self._text.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"the field {self._name[:50]!r} is not UTF-8") from error


@contextlib.asynccontextmanager
async def read_any(
    request: Request, settings: Settings, most_file_bytes: int, *, file_field: str = "file"
) -> AsyncIterator[Form]:
    """A form however it is written: multipart, urlencoded or JSON. Lives and raises as ``read_form`` does."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with read_form(request, settings, most_file_bytes, file_field=file_field) as form:
            yield form
    elif kind == "application/json":
        yield Form(fields=_texts(await read_json(request, settings)))
    elif kind == "application/x-www-form-urlencoded":
        yield Form(fields=await _urlencoded(request, settings))
    else:
        raise InvalidRequest("send multipart/form-data, a urlencoded form or JSON", code=ErrorCode.WRONG_MEDIA_TYPE)


async def _urlencoded(request: Request, settings: Settings) -> dict[str, str]:
    body = bytearray()
    async for chunk in chunks(request, settings, _JSON_BYTES):
        body += chunk
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_PARTS)
    except ValueError as error:
        raise InvalidRequest("the form is not valid", code=ErrorCode.MALFORMED_BODY) from error
    return dict(reversed(pairs))  # the first of a name counts, as in multipart


def _texts(body: dict[str, Any]) -> dict[str, str]:
    """JSON's values as a form would write them."""
    found = {}
    for name, value in body.items():
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            found[name] = str(value)
        elif value is not None:
            raise InvalidRequest(f"'{name[:50]}' must be a string or a number", facts={"param": name[:50]})
    return found


@contextlib.asynccontextmanager
async def read_raw(request: Request, settings: Settings) -> AsyncIterator[MemoryFile]:
    """A body that is the file itself, whatever its type; a missing one is empty. The file lives as long as the block.

    Raises ``InvalidRequest`` and ``LimitExceeded``.
    """
    with MemoryFile("upload", _hold(request, settings)) as file:
        async for chunk in chunks(request, settings, settings.max_file_bytes):
            file.append(chunk)
        yield file


async def read_json(request: Request, settings: Settings) -> dict[str, Any]:
    """A JSON object from the body. Raises ``InvalidRequest``."""
    body = bytearray()
    async for chunk in chunks(request, settings, _JSON_BYTES):
        body += chunk
    return parse_object(bytes(body), "the body")


def parse_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Strict JSON with an object at the top: no NaN, no deep nesting, no huge numbers. Raises ``InvalidRequest``."""
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_int=_short_int)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON") from error
    if not isinstance(found, dict):
        raise InvalidRequest(f"{what} must be a JSON object")
    return found


def _no_constant(word: str) -> float:
    raise ValueError(word)


def _short_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("number too long")
    return int(digits)

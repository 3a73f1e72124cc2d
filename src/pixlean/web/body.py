"""Bodies: counted, capped and timed while they stream in; files go to memory files, never to lists."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import multipart
from starlette.requests import ClientDisconnect, Request

from pixlean.domain.errors import ErrorCode, InvalidRequest, LimitExceeded
from pixlean.sandbox.wire import memory_file
from pixlean.web.contract import Settings

_FIELD_BYTES = 1 << 20
_OVERHEAD_BYTES = 1 << 16
_MOST_PARTS = 100
_PART_HEADER_BYTES = 8192
_JSON_BYTES = 1 << 20
_JSON_DEPTH = 64


@dataclass
class Form:
    """A multipart body: text fields, and the file as an open descriptor that ``close`` gives back."""

    fields: dict[str, str] = field(default_factory=dict)
    file: int | None = None
    file_bytes: int = 0
    file_name: str = ""
    media_type: str = ""

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            os.close(self.file)
            self.file = None


async def chunks(request: Request, settings: Settings, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body's chunks. Raises ``LimitExceeded`` over the limit, ``InvalidRequest`` where it stalls or breaks off."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise too_large(int(declared), settings.max_file_bytes)
    stream = request.stream()
    seen = 0
    end = asyncio.get_running_loop().time() + settings.body_total_seconds
    while True:
        try:
            left = min(settings.body_stall_seconds, end - asyncio.get_running_loop().time())
            async with asyncio.timeout(max(0.0, left)):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise InvalidRequest("the request body did not arrive in time", code=ErrorCode.BODY_TIMEOUT) from None
        except ClientDisconnect as error:
            raise InvalidRequest("the request body broke off", code=ErrorCode.MALFORMED_BODY) from error
        if chunk is None:
            return
        seen += len(chunk)
        if seen > limit_bytes:
            raise too_large(seen, settings.max_file_bytes)
        if chunk:
            yield chunk


def too_large(size: int, limit: int) -> LimitExceeded:
    """The error for a body or file over the limit."""
    return LimitExceeded(
        f"the file is larger than the limit of {limit} bytes",
        code=ErrorCode.BODY_TOO_LARGE,
        facts={"file_size": size, "limit": limit},
    )


async def read_form(
    request: Request, settings: Settings, most_file_bytes: int | None = None, *, file_field: str = "file"
) -> Form:
    """Parse a multipart body while it streams in. The caller closes the form.

    ``most_file_bytes`` where a dialect has another limit than the server, ``file_field`` where another name.
    """
    if most_file_bytes is not None:
        settings = replace(settings, max_file_bytes=most_file_bytes)
    kind, options = multipart.parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary or len(boundary) > 200:
        raise InvalidRequest("the multipart body has no boundary", code=ErrorCode.MALFORMED_BODY)
    form = Form()
    reader = _FormReader(form, settings.max_file_bytes, file_field)
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
        return form
    except multipart.MultipartError as error:
        form.close()
        if "size" in str(error).lower() and reader.in_file:
            raise too_large(reader.size, settings.max_file_bytes) from error
        raise InvalidRequest("the multipart body is malformed", code=ErrorCode.MALFORMED_BODY) from error
    except BaseException:
        form.close()
        raise


class _FormReader:
    """Puts the parser's events into a form: a header begins a part, bytes fill it, ``None`` ends it."""

    def __init__(self, form: Form, most_file_bytes: int, file_field: str) -> None:
        self._form = form
        self._file_field = file_field
        self._most_file_bytes = most_file_bytes
        self._name: str | None = None
        self._text = bytearray()
        self.in_file = False
        self.size = 0

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
        if self._form.file is not None:
            raise InvalidRequest(f"more than one '{self._file_field}' was sent")
        self._form.file = memory_file("upload")
        self._form.file_name, self._form.media_type = segment.filename or "", segment.content_type or ""

    def _fill(self, part: bytes) -> None:
        self.size += len(part)
        if self.in_file and self._form.file is not None:
            if self.size > self._most_file_bytes:
                raise too_large(self.size, self._most_file_bytes)
            os.write(self._form.file, part)
            self._form.file_bytes = self.size
            return
        if self.size > _FIELD_BYTES:
            raise InvalidRequest(f"the field {str(self._name)[:50]!r} is too long")
        self._text += part

    def _end(self) -> None:
        if self.in_file or self._name is None:
            return
        try:
            self._form.fields.setdefault(self._name, self._text.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"the field {self._name[:50]!r} is not UTF-8") from error


async def read_any(request: Request, settings: Settings, most_file_bytes: int, *, file_field: str = "file") -> Form:
    """A form however it is written: multipart, urlencoded or JSON. The caller closes it. Raises as ``read_form``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await read_form(request, settings, most_file_bytes, file_field=file_field)
    if kind == "application/json":
        return Form(fields=_texts(await read_json(request, settings)))
    if kind == "application/x-www-form-urlencoded":
        body = bytearray()
        async for chunk in chunks(request, settings, _JSON_BYTES):
            body += chunk
        try:
            pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_PARTS)
        except ValueError as error:
            raise InvalidRequest("the form is not valid", code=ErrorCode.MALFORMED_BODY) from error
        return Form(fields=dict(reversed(pairs)))  # the first of a name counts, as in multipart
    raise InvalidRequest("send multipart/form-data, a urlencoded form or JSON", code=ErrorCode.WRONG_MEDIA_TYPE)


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


async def read_raw(request: Request, settings: Settings) -> Form:
    """A body that is the file itself, whatever its type; a missing or empty one has ``file_bytes`` 0."""
    form = Form(file=memory_file("upload"), media_type=request.headers.get("content-type", ""))
    assert form.file is not None
    try:
        async for chunk in chunks(request, settings, settings.max_file_bytes):
            form.file_bytes += os.write(form.file, chunk)
        return form
    except BaseException:
        form.close()
        raise


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

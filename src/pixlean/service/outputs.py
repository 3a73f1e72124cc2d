"""Results that stay for a while, so that their owner can fetch them or ask for variants of their source."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from pixlean.domain.caller import Caller
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.recipe import Recipe
from pixlean.outbound.fetch import Fetcher
from pixlean.sandbox.pool import Work
from pixlean.sandbox.wire import memory_file, read_all, write_all
from pixlean.service.compress import Compress, Compressed, Terms
from pixlean.service.inputs import Origin, Upload, opened
from pixlean.storage.blobs import Blobs

PREFIX = "outputs"
LIFE = timedelta(hours=1)
_ID_BYTES = 20  # 160 random bits
_MOST_ID_CHARACTERS = 64


@dataclass(frozen=True, kw_only=True)
class Output:
    """A kept result; ``id`` is hard to guess and worth nothing without its owner's key."""

    id: str
    done: Compressed


class Outputs:
    """The use case; built once by the wiring.

    The objects are self-describing: owner and id are their path, their age is their life; nothing else must be kept
    in step with them.
    """

    def __init__(self, compress: Compress, fetcher: Fetcher, blobs: Blobs) -> None:
        self._compress = compress
        self._fetcher = fetcher
        self._blobs = blobs

    async def make(self, origin: Origin, recipe: Recipe, owner: Caller, terms: Terms | None = None) -> Output:
        """Compress a picture and keep source and result. Raises what ``Compress`` and the store raise."""
        async with opened(origin, self._fetcher) as given:
            done = await self._compress(Upload(given.file), recipe, terms)
            source = read_all(given.file, given.size_bytes)
        made = secrets.token_hex(_ID_BYTES)
        place = _place(owner, made)
        notes = msgspec.json.encode(replace(done.work, data=b"", seconds={}))
        head = len(notes).to_bytes(4, "big") + len(source).to_bytes(8, "big") + notes
        await self._blobs.put(f"{place}/source", source)
        await self._blobs.put(f"{place}/result", head + done.work.data)
        return Output(id=made, done=replace(done, seconds={**given.seconds, **done.seconds}))

    async def find(self, output_id: str, owner: Caller) -> Output:
        """A kept result as it was made. Raises ``InvalidRequest`` (``not_found``) where it is not this owner's."""
        content = await self._read(output_id, owner, "result")
        notes_end = 12 + int.from_bytes(content[:4], "big")
        work = replace(msgspec.json.decode(content[12:notes_end], type=Work), data=content[notes_end:])
        done = Compressed(work=work, original_bytes=int.from_bytes(content[4:12], "big"))
        return Output(id=output_id, done=done)

    async def variant(self, output_id: str, recipe: Recipe, owner: Caller, terms: Terms | None = None) -> Compressed:
        """The source of a kept result, by another recipe. Raises as ``find`` and ``Compress`` do."""
        source = await self._read(output_id, owner, "source")
        file = memory_file("source")
        try:
            write_all(file, source)
            return await self._compress(Upload(file), recipe, terms)
        finally:
            os.close(file)

    async def _read(self, output_id: str, owner: Caller, part: str) -> bytes:
        known = output_id.isalnum() and output_id.isascii() and len(output_id) <= _MOST_ID_CHARACTERS
        found = await self._blobs.get(f"{_place(owner, output_id)}/{part}") if known else None
        if found is None or datetime.now(UTC) - found.written_at >= LIFE:
            raise InvalidRequest("there is no such output, or it has expired", code=ErrorCode.NOT_FOUND)
        return found.data


def _place(owner: Caller, output_id: str) -> str:
    """Where an owner's output is: another key looks elsewhere and finds nothing."""
    return f"{PREFIX}/{hashlib.sha256(owner.key_id.encode()).hexdigest()[:32]}/{output_id}"

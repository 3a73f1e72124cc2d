"""Results that stay for a while, so that their owner can fetch them or ask for variants of their source."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pixlean.domain.caller import Caller
from pixlean.domain.errors import ErrorCode, InvalidRequest
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome
from pixlean.outbound.fetch import Fetcher
from pixlean.service.compress import Compress, Compressed, Terms, notes_of, report_of
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
    compressed: Compressed


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
        async with opened(origin, self._fetcher) as picture:
            compressed = await self._compress(Upload(picture.file), recipe, terms)
            source = picture.file.read_all()
        output_id = secrets.token_hex(_ID_BYTES)
        place = _place(owner, output_id)
        notes = notes_of(compressed.outcome.report)
        await self._blobs.put(f"{place}/source", source)
        await self._blobs.put(f"{place}/result", len(notes).to_bytes(4, "big") + notes + compressed.outcome.data)
        seconds = {**picture.seconds, **compressed.seconds}
        return Output(id=output_id, compressed=replace(compressed, seconds=seconds))

    async def find(self, output_id: str, owner: Caller) -> Output:
        """A kept result as it was made. Raises ``InvalidRequest`` (``not_found``) where it is not this owner's."""
        content = await self._read(output_id, owner, "result")
        notes_end = 4 + int.from_bytes(content[:4], "big")
        report = report_of(content[4:notes_end])
        if report is None:
            raise _unknown()
        return Output(id=output_id, compressed=Compressed(outcome=Outcome(data=content[notes_end:], report=report)))

    async def variant(self, output_id: str, recipe: Recipe, owner: Caller, terms: Terms | None = None) -> Compressed:
        """The source of a kept result, by another recipe. Raises as ``find`` and ``Compress`` do."""
        source = await self._read(output_id, owner, "source")
        with MemoryFile("source") as file:
            file.write_all(source)
            return await self._compress(Upload(file), recipe, terms)

    async def _read(self, output_id: str, owner: Caller, part: str) -> bytes:
        known = output_id.isalnum() and output_id.isascii() and len(output_id) <= _MOST_ID_CHARACTERS
        found = await self._blobs.get(f"{_place(owner, output_id)}/{part}") if known else None
        if found is None or datetime.now(UTC) - found.written_at >= LIFE:
            raise _unknown()
        return found.data


def _unknown() -> InvalidRequest:
    return InvalidRequest("there is no such output, or it has expired", code=ErrorCode.NOT_FOUND)


def _place(owner: Caller, output_id: str) -> str:
    """Where an owner's output is: another key looks elsewhere and finds nothing."""
    return f"{PREFIX}/{hashlib.sha256(owner.key_id.encode()).hexdigest()[:32]}/{output_id}"

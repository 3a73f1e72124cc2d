"""A batch over a whole bucket: what is picked, and what is written down of each object."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from pixlean.domain.formats import FORMATS, Format

_ENDINGS = frozenset(ending for row in FORMATS.values() for ending in row.extensions)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of ``count`` parts of all keys, from 0 on; together they are all, and no key is in two."""

    index: int = 0
    count: int = 1

    def has(self, key: str) -> bool:
        """Whether a key is in this part: by its digest, so that machines need not talk to each other."""
        number = int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
        return number % self.count == self.index


@dataclass(frozen=True, kw_only=True)
class Picking:
    """Which objects are worked on. Patterns are of whole keys; ``include`` empty is every picture by its ending."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    least_bytes: int = 1
    most_bytes: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    keys: frozenset[str] | None = None
    shard: Shard = Shard()

    def takes(self, key: str, size_bytes: int, written_at: datetime) -> bool:
        """Whether an object is one of them."""
        return (
            self.shard.has(key)
            and (self.keys is None or key in self.keys)
            and (any(fnmatchcase(key, one) for one in self.include) if self.include else is_picture(key))
            and not any(fnmatchcase(key, one) for one in self.exclude)
            and size_bytes >= self.least_bytes
            and (self.most_bytes is None or size_bytes <= self.most_bytes)
            and (self.since is None or written_at >= self.since)
            and (self.until is None or written_at < self.until)
        )


def is_picture(key: str) -> bool:
    """Whether a key ends as pictures do."""
    name = key.rpartition("/")[2].lower()
    return any(name.endswith(ending) for ending in _ENDINGS)


def renamed(key: str, made: Format, source: Format) -> str:
    """The key of a result: the source's own, with another ending where the format is another."""
    if made == source or any(key.lower().endswith(ending) for ending in FORMATS[made].extensions):
        return key
    folder, slash, name = key.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    whole = stem if dot and f".{ending.lower()}" in _ENDINGS else name
    return f"{folder}{slash}{whole}{FORMATS[made].extensions[0]}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """What came of one object, as the ledger keeps it; ``error`` where nothing did, and it is tried again."""

    key: str
    etag: str
    before_bytes: int
    target: str = ""
    after_bytes: int = 0
    method: str = ""
    score: float | None = None
    seconds: float = 0.0
    error: str = ""

"""Where the operator's own pictures lie, and one picture of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_BEGINNINGS = ("https://", "http://", "s3://", "gs://", "file:/")
# What a path may hold as it is (RFC 3986, 3.3); everything else is written in per cent.
_PLAIN = "/~!$&'()*+,;=:@"
FORM = "name=where, comma-separated, where is https://host/path, s3://bucket/prefix, gs://bucket/prefix or file:/folder"


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A place that the operator names: all pictures below a web address, in a bucket or in a folder.

    ``url`` ends with a slash.
    """

    name: str
    url: str

    @property
    def is_web(self) -> bool:
        """Whether its pictures are fetched over HTTP."""
        return self.url.startswith(("https://", "http://"))

    @property
    def folder(self) -> str | None:
        """The folder that it is, where it is one."""
        return unquote(urlsplit(self.url).path) if self.url.startswith("file:") else None

    def address(self, path: str) -> str:
        """The URL of one of its pictures; ``path`` is normal: without leading slash or ``..``."""
        return self.url + quote(path, safe=_PLAIN)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One picture on a shelf: a normal path below it."""

    shelf: Shelf
    path: str


@dataclass(frozen=True, kw_only=True)
class Address:
    """One picture anywhere on the web: its URL, and beginnings of which it and its redirects must have one.

    ``*`` in a beginning stands for anything without a slash. Without any, every public address will do.
    """

    url: str
    within: tuple[str, ...] = ()


def shelves(text: str) -> tuple[Shelf, ...]:
    """Shelves as a setting names them. Raises ``ValueError`` that says how they are written."""
    made: dict[str, Shelf] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, url = part.partition("=")
        if not _NAME.fullmatch(name) or not url.startswith(_BEGINNINGS) or "?" in url or "#" in url or name in made:
            raise ValueError(FORM)
        made[name] = Shelf(name=name, url=url if url.endswith("/") else f"{url}/")
    return tuple(made.values())

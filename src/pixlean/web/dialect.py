"""One public API as a value: everything that the house must know of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from starlette.responses import Response
from starlette.routing import Route

from pixlean.access.tariffs import Tariff
from pixlean.domain.errors import ErrorCode, PixleanError
from pixlean.service.words import Words
from pixlean.web.contract import Services

_Settings = TypeVar("_Settings")


def _nothing(_: Services) -> AbstractAsyncContextManager[None]:
    return contextlib.nullcontext()


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One public API: where it is, what it answers and how it tells of faults.

    ``title`` and ``about`` are for people. ``prefixes`` are the beginnings of the paths that it owns, ``routes`` its
    endpoints; ``narrow_routes`` look closely at a path and are asked before those of all APIs. ``paths`` is its part of
    the OpenAPI document, ``errors`` a status and a word for every code, which ``show_error`` tells. ``show_id`` writes
    a request's UUID as its ``X-Request-ID``. ``exposed_headers`` are those of its answers that scripts of other origins
    may read, ``origins`` whose (``None``: those of the server). ``tariff`` is what it counts and asks for it, where it
    counts; ``webhooks`` how it tells of a job's end, where it calls. ``opened`` holds what its endpoints need open
    while the server runs.
    """

    name: str
    title: str
    about: str
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    narrow_routes: tuple[Route, ...] = ()
    paths: Mapping[str, Mapping[str, Any]]
    errors: Mapping[ErrorCode, tuple[int, Any]]
    show_error: Callable[[PixleanError], Response]
    show_id: Callable[[str], str] = str
    exposed_headers: tuple[str, ...] = ()
    origins: tuple[str, ...] | None = None
    tariff: Tariff | None = None
    webhooks: Words | None = None
    opened: Callable[[Services], AbstractAsyncContextManager[None]] = field(default=_nothing)


@dataclass(frozen=True, kw_only=True)
class Api(Generic[_Settings]):
    """A dialect that is still to be built: what of it the operator decides, and what builds it of that."""

    settings: type[_Settings]
    build: Callable[[_Settings], Dialect]


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Of an API that leaves the operator nothing to decide."""

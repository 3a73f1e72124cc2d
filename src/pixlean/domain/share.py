"""Whose share of the house the work at hand is counted to: places, fetches and names are dealt out by caller.

A value of the context, because what deals out stands several floors below what knows the caller, and everything
between them would only pass it on. Tasks inherit it from the request or job that began them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_KEY = "key:"
_OWNER: ContextVar[str] = ContextVar("share_owner", default="")


def owner() -> str:
    """Who the work is done for; empty where nobody said so, which is an owner like any other."""
    return _OWNER.get()


def of_key(key_id: str) -> str:
    """The owner that a key's id stands for."""
    return f"{_KEY}{key_id}"


def tenant() -> str:
    """The id of the key that the work is done for; empty for all who showed none."""
    name = _OWNER.get()
    return name.removeprefix(_KEY) if name.startswith(_KEY) else ""


def work_for(name: str) -> None:
    """Count what this task does from here on to this owner."""
    _OWNER.set(name)


@contextlib.contextmanager
def working_for(name: str) -> Iterator[None]:
    """Count what the block does to this owner."""
    token = _OWNER.set(name)
    try:
        yield
    finally:
        _OWNER.reset(token)
